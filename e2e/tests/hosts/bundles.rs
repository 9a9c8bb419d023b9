//! Content that a group of hosts has in common.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::PathBuf};

use http::Method;
use muster_api::{
    blocks::{Digest, FileEntry, MAX_BLOCK},
    bundles::{Bundle, BundleDetail},
    hosts::LinkedHost,
    links::{Link, LinkTokenSecret},
    page::Page,
    plan::Plan,
    roles::Role,
};
use muster_e2e::{Client, Host, eventually, guest, named_host, only_field, push_of, refuse};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Links a host to the leader.
async fn link(leader: &Client, follower: &Client) {
    let token: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &json!({})).await;
    let join = json!({ "token": token.token });
    let _: Link = follower
        .send(Method::POST, "/link/actions/join", &join)
        .await;
}

/// Bytes of which no two blocks are alike.
fn content(blocks: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![seed; (blocks - 1) * MAX_BLOCK + 100];
    for (number, block) in bytes.chunks_mut(MAX_BLOCK).enumerate() {
        block[0] = u8::try_from(number).expect("few blocks");
    }
    bytes
}

async fn put(client: &Client, name: &str, kind: &str, files: &[FileEntry]) -> Bundle {
    let new = json!({ "kind": kind, "files": files });
    let path = format!("/bundles/{name}?replace=true");
    client.send(Method::PUT, &path, &new).await
}

/// What each host lacks of a bundle, by name, in bytes; nothing if it has all of
/// it ready.
async fn lacking(client: &Client, bundle: &str) -> BTreeMap<String, Option<u64>> {
    let detail: BundleDetail = client.get(&format!("/bundles/{bundle}")).await;
    let hosts = detail.hosts.into_iter();
    hosts
        .map(|host| (host.name, (!host.ready).then_some(host.missing_bytes)))
        .collect()
}

/// Waits until these hosts, and no others, are known to have all of a bundle.
async fn synced(client: &Client, bundle: &str, hosts: &[&str]) {
    let all: BTreeMap<_, _> = hosts.iter().map(|it| ((*it).to_owned(), None)).collect();
    eventually("every host has the bundle", async || {
        (lacking(client, bundle).await == all).then_some(())
    })
    .await;
}

fn laid_out(host: &Host, path: &str) -> Option<Vec<u8>> {
    fs::read(host.data_dir().join("content").join(path)).ok()
}

fn block(host: &Host, digest: &Digest) -> PathBuf {
    let name = digest.as_str();
    let folders = host.data_dir().join("blocks");
    folders.join(&name[..2]).join(&name[2..4]).join(name)
}

async fn told(leader: &Client, host: &str) -> LinkedHost {
    let hosts: Page<LinkedHost> = leader.get("/hosts").await;
    let mut hosts = hosts.items.into_iter();
    hosts.find(|it| it.name == host).expect("it is a member")
}

#[tokio::test]
async fn what_the_leader_gets_every_host_has() {
    let (north, leader) = named_host("north").await;
    let (south, second) = named_host("south").await;
    let (east, third) = named_host("east").await;
    link(&leader, &second).await;
    link(&leader, &third).await;
    let big = content(3, 1);
    let files = [
        leader.upload("deep/big.bin", &big).await,
        leader.upload("read.me", b"read me").await,
        leader.upload("empty", b"").await,
    ];
    let bundle = put(&leader, "maps", "files", &files).await;
    assert_eq!((bundle.count, bundle.size), (3, big.len() as u64 + 7));
    synced(&leader, "maps", &["east", "north", "south"]).await;
    for host in [&north, &south, &east] {
        assert!(laid_out(host, "maps/deep/big.bin").is_some_and(|it| it == big));
        assert_eq!(
            laid_out(host, "maps/read.me").as_deref(),
            Some(&b"read me"[..])
        );
        assert_eq!(laid_out(host, "maps/empty").as_deref(), Some(&b""[..]));
    }
    let south_told = told(&leader, "south").await.about.content;
    assert!(south_told.is_synced());
    assert_eq!((south_told.blocks, south_told.missing), (4, 0));
    assert_eq!(south_told.bytes, bundle.size);

    // Each host shows it, and gives its files out; only the leader changes it.
    let own: BundleDetail = second.get("/bundles/maps").await;
    assert_eq!((own.bundle, own.hosts.len()), (bundle, 1));
    let path = "/bundles/maps/files/deep%2Fbig.bin";
    let got = third.request(Method::GET, path).send().await.unwrap();
    assert_eq!(got.status(), StatusCode::OK);
    assert!(got.bytes().await.unwrap() == big);
    let path = "/bundles/maps/files/elsewhere";
    refuse(third.request(Method::GET, path), 404, "file-not-found").await;
    let new = json!({ "files": files });
    let ask = second.request(Method::PUT, "/bundles/maps").json(&new);
    refuse(ask, 409, "host-follows").await;
    let ask = second.request(Method::DELETE, "/bundles/maps");
    refuse(ask, 409, "host-follows").await;

    // Who comes later gets all of it as well.
    let (west, fourth) = named_host("west").await;
    link(&leader, &fourth).await;
    synced(&leader, "maps", &["east", "north", "south", "west"]).await;
    assert!(laid_out(&west, "maps/deep/big.bin").is_some_and(|it| it == big));

    // Replaced by choice, on all of them; the old files are gone.
    let files = [leader.upload("read.me", b"read me again").await];
    put(&leader, "maps", "files", &files).await;
    synced(&leader, "maps", &["east", "north", "south", "west"]).await;
    for host in [&north, &south, &east, &west] {
        let found = laid_out(host, "maps/read.me");
        assert_eq!(found.as_deref(), Some(&b"read me again"[..]));
        assert_eq!(laid_out(host, "maps/deep/big.bin"), None);
    }

    // Who leaves the group leaves its content.
    let _: Value = fourth
        .send(Method::POST, "/link/actions/leave", &json!({}))
        .await;
    eventually("the content is gone", async || {
        let none: Page<Bundle> = fourth.get("/bundles").await;
        let gone = none.items.is_empty() && laid_out(&west, "maps/read.me").is_none();
        gone.then_some(())
    })
    .await;

    let plan: Plan = leader
        .send(Method::DELETE, "/bundles/maps?dry_run=true", &json!({}))
        .await;
    assert!(!plan.done && plan.removes.len() == 1, "{plan:?}");
    assert!(laid_out(&north, "maps/read.me").is_some());
    let plan: Plan = leader
        .send(Method::DELETE, "/bundles/maps", &json!({}))
        .await;
    assert!(plan.done);
    eventually("it is gone everywhere", async || {
        let left = [&north, &south, &east].map(|it| laid_out(it, "maps/read.me"));
        let none: Page<Bundle> = second.get("/bundles").await;
        (left.iter().all(Option::is_none) && none.items.is_empty()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_host_that_was_killed_goes_on_where_it_was() {
    let (north, leader) = named_host("north").await;
    let (mut south, follower) = named_host("south").await;
    let bytes = content(6, 2);
    let file = leader.upload("big.bin", &bytes).await;
    put(&leader, "maps", "files", std::slice::from_ref(&file)).await;
    synced(&leader, "maps", &["north"]).await;
    // Two blocks cannot be had, so that the follower stops in the middle.
    let lost = &file.blocks[2..4];
    for digest in lost {
        fs::remove_file(block(&north, digest)).expect("it was there");
    }
    link(&leader, &follower).await;
    let half = 2 * MAX_BLOCK as u64;
    eventually("the follower has the rest", async || {
        (lacking(&leader, "maps").await["south"] == Some(half)).then_some(())
    })
    .await;
    let detail: BundleDetail = leader.get("/bundles/maps").await;
    let told_of = detail.hosts.iter().find(|it| it.name == "south").unwrap();
    assert_eq!((told_of.missing, told_of.ready), (2, false));
    let inodes = |host: &Host| -> Vec<_> {
        let of = |digest| fs::metadata(block(host, digest)).ok().map(|it| it.ino());
        file.blocks.iter().map(of).collect()
    };
    let before = inodes(&south);
    assert_eq!(before.iter().flatten().count(), 4);
    assert_eq!(
        laid_out(&south, "maps/big.bin"),
        None,
        "whole or not at all"
    );

    south.kill();
    leader.upload("big.bin", &bytes).await;
    south.kill_and_restart();
    south.wait_ready().await;
    synced(&leader, "maps", &["north", "south"]).await;
    assert!(laid_out(&south, "maps/big.bin").is_some_and(|it| it == bytes));
    for (before, after) in before
        .iter()
        .zip(&inodes(&south))
        .filter(|(it, _)| it.is_some())
    {
        assert_eq!(before, after, "what was there was not fetched again");
    }

    // A block that is damaged on disk is fetched again from a host that has it.
    fs::write(block(&south, &file.blocks[0]), "damaged").unwrap();
    let path = "/bundles/maps/files/big.bin";
    let follower = south.client().await;
    eventually("it is whole again", async || {
        let sent = follower.request(Method::GET, path).send().await;
        let got = sent.expect("the host answers").bytes().await.ok()?;
        (got == bytes).then_some(())
    })
    .await;
}

#[tokio::test]
async fn other_content_under_a_name_is_refused_unless_it_is_to_be_replaced() {
    let (_north, leader) = named_host("north").await;
    let one = leader.upload("a", b"one").await;
    let two = leader.upload("a", b"two").await;
    let ask = |path: &str, new: Value| leader.request(Method::PUT, path).json(&new);
    let first = json!({ "files": [one] });
    let bundle: Bundle = leader.send(Method::PUT, "/bundles/maps", &first).await;
    let again: Bundle = leader.send(Method::PUT, "/bundles/maps", &first).await;
    assert_eq!(bundle, again, "the same content is no change");
    let other = json!({ "files": [two] });
    for refused in [
        other.clone(),
        json!({ "files": [one, leader.upload("b", b"b").await] }),
        json!({ "kind": "package", "files": [one] }),
    ] {
        let problem = refuse(ask("/bundles/maps", refused), 409, "bundle-exists").await;
        assert!(problem.detail.contains("maps"), "{problem:?}");
    }
    let path = "/bundles/maps?replace=true&dry_run=true";
    let plan: Plan = leader.send(Method::PUT, path, &other).await;
    assert_eq!((plan.removes.len(), plan.changes.len()), (1, 1), "{plan:?}");
    let shown: BundleDetail = leader.get("/bundles/maps").await;
    assert_eq!(shown.files, std::slice::from_ref(&one));

    // Bound to what was seen.
    let seen = leader.request(Method::GET, "/bundles/maps").send().await;
    let tag = seen.unwrap().headers()["etag"].clone();
    let path = "/bundles/maps?replace=true";
    let replaced = ask(path, other.clone()).header("if-match", &tag);
    assert_eq!(replaced.send().await.unwrap().status(), StatusCode::OK);
    let late = ask(path, first).header("if-match", &tag);
    refuse(late, 412, "precondition-failed").await;

    let nowhere = Digest::from_bytes(&[7; 32]);
    let missing = json!({ "files": [{ "path": "a", "size": 3, "blocks": [nowhere] }] });
    let problem = refuse(ask("/bundles/new", missing), 409, "blocks-missing").await;
    assert_eq!(only_field(&problem), "files");
    for (path, new, field) in [
        ("/bundles/Maps", json!({ "files": [one] }), "bundle"),
        ("/bundles/-maps", json!({ "files": [one] }), "bundle"),
        ("/bundles/..%2Fmaps", json!({ "files": [one] }), "bundle"),
        ("/bundles/new", json!({ "files": [] }), "files"),
        ("/bundles/new", json!({ "files": [one, two] }), "files"),
        (
            "/bundles/new",
            json!({ "files": [{ "path": "../a", "size": 3, "blocks": one.blocks }] }),
            "files",
        ),
        (
            "/bundles/new",
            json!({ "files": [{ "path": "a", "size": 4, "blocks": one.blocks }] }),
            "files",
        ),
        (
            "/bundles/new",
            json!({ "kind": "plugin", "files": [one, leader.upload("b", b"b").await] }),
            "files",
        ),
    ] {
        let problem = refuse(ask(path, new), 422, "invalid-request").await;
        assert_eq!(only_field(&problem), field, "{path}: {problem:?}");
    }
    let all: Page<Bundle> = leader.get("/bundles").await;
    assert_eq!(all.items.len(), 1);
    for method in [Method::GET, Method::DELETE] {
        let ask = leader.request(method, "/bundles/new");
        refuse(ask, 404, "bundle-not-found").await;
    }
}

#[tokio::test]
async fn apps_and_roles_are_made_from_bundles() {
    let (_north, leader) = named_host("north").await;
    let (_south, follower) = named_host("south").await;
    link(&leader, &follower).await;
    let app = leader.upload("app.wasm", &guest("hello")).await;
    put(&leader, "shop", "package", &[app]).await;
    let plugin = leader.upload("router.wasm", &guest("router-fixed")).await;
    put(&leader, "router", "plugin", &[plugin]).await;
    synced(&leader, "router", &["north", "south"]).await;

    let shop: BundleDetail = leader.get("/bundles/shop").await;
    let job = leader.push("shop", &push_of(shop.files)).await;
    assert_eq!(job.problem, None);

    let ask = |path: &str| follower.request(Method::PUT, path);
    let problem = ask("/roles/router?bundle=shop");
    refuse(problem, 409, "bundle-of-other-kind").await;
    refuse(ask("/roles/router?bundle=no"), 404, "bundle-not-found").await;
    let both = ask("/roles/router?bundle=router").body("component");
    refuse(both, 422, "invalid-request").await;
    let sent = ask("/roles/router?bundle=router").send().await.unwrap();
    let role: Role = sent.json().await.expect("the role");
    assert_eq!(role.plugin.expect("a plugin").name, "router-fixed");
}
