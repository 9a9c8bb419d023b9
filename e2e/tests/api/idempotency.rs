//! `Idempotency-Key`: a change that is asked for twice is made once, whatever
//! happens in between.

use std::collections::BTreeSet;

use muster_api::{id::JobId, jobs::Job, page::Page, pushes::Push};
use muster_e2e::{Client, Host, guest, push_of, refuse, refused};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

async fn push(client: &Client) -> Push {
    Push {
        no_start: true,
        ..push_of(vec![client.upload("app.wasm", &guest("hello")).await])
    }
}

fn ask(client: &Client, push: &Push, key: &str) -> RequestBuilder {
    client
        .request(Method::POST, "/apps/shop/pushes")
        .header("idempotency-key", key)
        .json(push)
}

async fn accepted(response: Response) -> (Job, bool) {
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let replayed = response.headers().contains_key("idempotent-replayed");
    (response.json().await.expect("a job"), replayed)
}

async fn jobs(client: &Client) -> BTreeSet<JobId> {
    let page: Page<Job> = client.get("/jobs?limit=500").await;
    page.items.into_iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn a_change_that_is_asked_for_twice_is_made_once() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let push = push(&client).await;
    let (first, replayed) = accepted(ask(&client, &push, "one").send().await.unwrap()).await;
    assert!(!replayed);
    let (again, replayed) = accepted(ask(&client, &push, "one").send().await.unwrap()).await;
    assert!(replayed);
    assert_eq!(again, first);

    let other = Push {
        instances: Some(3),
        ..push.clone()
    };
    refuse(ask(&client, &other, "one"), 422, "idempotency-key-reused").await;
    for bad in ["", "a b", "ü", &"k".repeat(256)] {
        refuse(ask(&client, &push, bad), 400, "idempotency-key-invalid").await;
    }
    assert_eq!(jobs(&client).await, BTreeSet::from([first.id]));

    // A refusal changes nothing: with what was missing, the same request works.
    let early = Push {
        files: vec![muster_api::blocks::FileEntry {
            path: "late.txt".to_owned(),
            ..client.upload("late.txt", b"late").await
        }],
        routes: vec!["no route".to_owned()],
        ..push.clone()
    };
    refuse(ask(&client, &early, "two"), 422, "invalid-request").await;
    refuse(ask(&client, &early, "two"), 422, "invalid-request").await;

    // The answer outlives the host.
    host.kill_and_restart();
    host.wait_alive().await;
    let client = host.client().await;
    let (again, replayed) = accepted(ask(&client, &push, "one").send().await.unwrap()).await;
    assert!(replayed);
    assert_eq!(again.id, first.id);
    assert_eq!(jobs(&client).await.len(), 1);
}

#[tokio::test]
async fn a_crash_in_the_middle_makes_no_change_twice() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let push = push(&client).await;
    let keys: Vec<String> = (0..60).map(|number| format!("key-{number}")).collect();
    let sending: Vec<_> = keys
        .iter()
        .map(|key| tokio::spawn(ask(&client, &push, key).send()))
        .collect();
    // The first answer shows that the host is in the middle of it.
    let mut sending = sending.into_iter();
    let first = sending
        .next()
        .expect("there are some")
        .await
        .expect("it ends");
    accepted(first.expect("the host answers")).await;
    host.kill();
    let mut told = 1;
    for answer in sending {
        told += usize::from(answer.await.expect("it ends").is_ok());
    }
    assert!(told < keys.len(), "the host was killed too late");

    host.kill_and_restart();
    host.wait_alive().await;
    let client = host.client().await;
    let (mut made, mut unknown) = (BTreeSet::new(), 0);
    for key in &keys {
        let answer = ask(&client, &push, key)
            .send()
            .await
            .expect("the host answers");
        if answer.status() == StatusCode::CONFLICT {
            refused(answer, 409, "idempotency-unknown").await;
            unknown += 1;
        } else {
            let (job, _) = accepted(answer).await;
            assert!(made.insert(job.id), "{key} shares a job with another");
        }
    }
    let all = jobs(&client).await;
    assert!(all.is_superset(&made), "{made:?} of {all:?}");
    assert!(
        all.len() <= keys.len(),
        "{} jobs of {} keys",
        all.len(),
        keys.len()
    );
    assert!(
        all.len() - made.len() <= unknown,
        "a change was made that nobody asked for"
    );
}
