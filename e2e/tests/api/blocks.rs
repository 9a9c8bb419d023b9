//! `/blocks`: what files are made of on the wire.

use muster_api::blocks::{Digest, MAX_BLOCK, MissingReply};
use muster_e2e::{Case, Client, Host, everything, guest, only_field, push_of, refuse, refuse_all};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn name(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

fn put(client: &Client, name: &str, bytes: &[u8]) -> RequestBuilder {
    client
        .request(Method::PUT, &format!("/blocks/{name}"))
        .body(bytes.to_vec())
}

async fn missing(client: &Client, blocks: &[&Digest]) -> Vec<Digest> {
    let query = json!({ "blocks": blocks });
    let reply: MissingReply = client.send(Method::POST, "/blocks/missing", &query).await;
    reply.missing
}

#[tokio::test]
async fn blocks_are_missing_until_they_are_there() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let full = vec![7; MAX_BLOCK];
    let contents: [&[u8]; 3] = [b"abc", b"", &full];
    let names = contents.map(name);
    let [abc, empty, large] = &names;
    // Each is named once, in the order of the question.
    assert_eq!(
        missing(&client, &[large, abc, large, empty, abc]).await,
        [large.clone(), abc.clone(), empty.clone()]
    );
    for (block, bytes) in names.iter().zip(contents) {
        for _ in 0..2 {
            let reply = put(&client, block.as_str(), bytes).send().await.unwrap();
            assert_eq!(reply.status(), StatusCode::NO_CONTENT);
        }
        assert!(!missing(&client, &names.each_ref()).await.contains(block));
    }
    assert_eq!(missing(&client, &[]).await, []);

    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    assert_eq!(missing(&client, &names.each_ref()).await, []);
}

#[tokio::test]
async fn a_large_file_travels_in_blocks() {
    let host = Host::start().await;
    let client = host.client().await;
    let mut page = b"<!doctype html>".to_vec();
    page.resize(2 * MAX_BLOCK + 1, b' ');
    let file = client.upload("index.html", &page).await;
    assert_eq!(file.blocks.len(), 3);
    let job = client.push("site", &push_of(vec![file])).await;
    assert_eq!(job.problem, None);
    let (status, body) = client.ask("site.localhost", "/").await;
    assert_eq!((status, body.len()), (StatusCode::OK, page.len()));
    assert_eq!(name(body.as_bytes()), name(&page));
}

#[tokio::test]
async fn what_is_no_block_is_refused_and_not_kept() {
    let host = Host::start().await;
    let client = host.client().await;
    let abc = name(b"abc");
    for wrong in [&b"abd"[..], b"", b"abcd"] {
        let problem = refuse(put(&client, abc.as_str(), wrong), 422, "block-wrong").await;
        assert!(problem.detail.contains(abc.as_str()), "{problem:?}");
    }
    let upper = abc.as_str().to_uppercase();
    let short = &abc.as_str()[1..];
    for odd in [
        &upper,
        short,
        "abc",
        &format!("{abc}0"),
        "..%2F..%2Fmuster.db",
    ] {
        let problem = refuse(put(&client, odd, b"abc"), 422, "invalid-request").await;
        assert_eq!(only_field(&problem), "digest", "{odd}");
    }
    assert_eq!(missing(&client, &[&abc]).await, std::slice::from_ref(&abc));

    let path = "/blocks/missing";
    let many = vec![abc.clone(); 10_001];
    let mut cases = vec![Case::field(
        Method::POST,
        path,
        json!({ "blocks": many }),
        "blocks",
    )];
    for body in [
        json!({}),
        json!([]),
        json!({ "blocks": "abc" }),
        json!({ "blocks": [1] }),
        json!({ "blocks": [upper] }),
        json!({ "blocks": [], "files": [] }),
    ] {
        cases.push(Case::new(Method::POST, path, body, 422, "invalid-request"));
    }
    cases.push(Case::new(
        Method::DELETE,
        format!("/blocks/{abc}"),
        Value::Null,
        405,
        "method-not-allowed",
    ));
    refuse_all(&client, cases).await;
    let many = vec![&abc; 10_000];
    assert_eq!(missing(&client, &many).await, std::slice::from_ref(&abc));
}

#[tokio::test]
async fn a_block_that_is_too_large_is_told_so() {
    let host = Host::start().await;
    let client = host.client().await;
    let large = vec![0; MAX_BLOCK + 1];
    let block = name(&large);
    let problem = refuse(put(&client, block.as_str(), &large), 413, "invalid-request").await;
    assert!(problem.detail.contains("4MiB"), "{problem:?}");
    assert_eq!(missing(&client, &[&block]).await, [block]);
}

#[tokio::test]
async fn a_refusal_reaches_who_still_sends() {
    let host = Host::start().await;
    let client = host.client().await;
    let large = vec![0; MAX_BLOCK];
    let block = name(&large);
    // A connection that is closed too early loses the answer now and then.
    for _ in 0..5 {
        let path = format!("/api/v1/blocks/{block}");
        let stranger = client.anonymous(Method::PUT, &path).body(large.clone());
        refuse(stranger, 401, "unauthorized").await;
        let odd = client
            .request(Method::PUT, "/no-blocks")
            .body(large.clone());
        refuse(odd, 404, "no-such-route").await;
        let more = vec![0; 4 * MAX_BLOCK];
        refuse(put(&client, block.as_str(), &more), 413, "invalid-request").await;
    }
}

#[tokio::test]
async fn a_push_of_blocks_that_never_came_can_be_mended() {
    let host = Host::start().await;
    let client = host.client().await;
    let wasm = guest("hello");
    let file = client.upload("app.wasm", &wasm).await;
    let note = b"only named";
    let mut push = push_of(vec![file]);
    push.files.push(muster_api::blocks::FileEntry {
        path: "note.txt".to_owned(),
        size: note.len() as u64,
        blocks: vec![name(note)],
    });
    let before = everything(&client).await;
    let request = || {
        client
            .request(Method::POST, "/apps/shop/pushes")
            .json(&push)
    };
    refuse(request(), 409, "blocks-missing").await;
    assert_eq!(everything(&client).await, before);
    client.upload("note.txt", note).await;
    let job = client.push("shop", &push).await;
    assert_eq!(job.problem, None);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
}
