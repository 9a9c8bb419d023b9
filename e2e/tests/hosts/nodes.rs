//! What a host is called, and where it says that it will be.

use http::Method;
use muster_api::{hosts::NODE_HEADER, links::Link, status::Info};
use muster_e2e::{Client, eventually, free_address, host_with_peers, refuse};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

fn change(client: &Client, change: &Value) -> RequestBuilder {
    client.request(Method::PATCH, "/info").json(change)
}

async fn info(request: RequestBuilder) -> Info {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

async fn leader_is(follower: &Client, what: &str, is: impl Fn(&Link) -> bool) {
    eventually(what, async || {
        let link: Link = follower.get("/link").await;
        is(&link).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_host_is_renamed_and_the_group_hears_of_it() {
    let (_leading, leader) = host_with_peers(&[]).await;
    let (mut following, follower) = host_with_peers(&[]).await;
    let token = leader.link_token().await.token;
    info(change(&leader, &json!({ "name": "north" }))).await;
    let joined = follower.joining(&token).send().await.expect("an answer");
    assert!(joined.status().is_success(), "{joined:?}");

    let wanted = json!({ "name": "south" });
    let dry = follower
        .request(Method::PATCH, "/info?dry_run=true")
        .json(&wanted);
    assert_eq!(info(dry).await.name, "south");
    let before: Info = follower.get("/info").await;
    assert_ne!(before.name, "south");
    assert_eq!(info(change(&follower, &wanted)).await.name, "south");
    eventually("the leader to know", async || {
        leader.linked_host("south").await
    })
    .await;

    // From the leader, too, and the leader itself.
    let other = change(&leader, &json!({ "name": "east" })).header(NODE_HEADER, "south");
    assert_eq!(info(other).await.name, "east");
    eventually("the leader to know", async || {
        leader.linked_host("east").await
    })
    .await;
    info(change(&leader, &json!({ "name": "top" }))).await;
    leader_is(&follower, "the leader's name", |link| {
        link.leader.as_ref().is_some_and(|it| it.name == "top")
    })
    .await;

    let taken = change(&follower, &json!({ "name": "top" }));
    refuse(taken, 409, "exists-already").await;
    for bad in ["", "-a", "a b", "ä"] {
        let problem = refuse(
            change(&follower, &json!({ "name": bad })),
            422,
            "invalid-request",
        );
        assert_eq!(problem.await.fields[0].field, "name", "{bad}");
    }
    following.kill_and_restart();
    following.wait_ready().await;
    let follower = following.client().await;
    let after: Info = follower.get("/info").await;
    assert_eq!((after.id, after.name.as_str()), (before.id, "east"));
}

#[tokio::test]
async fn a_name_that_was_configured_is_changed_there() {
    let (_host, client) = host_with_peers(&[("MUSTER_NAME", "edge")]).await;
    let renaming = change(&client, &json!({ "name": "other" }));
    let problem = refuse(renaming, 409, "name-configured").await;
    assert!(problem.remedy.is_some_and(|it| it.contains("MUSTER_NAME")));
    let info: Info = client.get("/info").await;
    assert_eq!(info.name, "edge");
}

#[tokio::test]
async fn a_host_that_announces_its_move_is_looked_for_there() {
    let (mut leading, leader) = host_with_peers(&[]).await;
    let (_following, follower) = host_with_peers(&[]).await;
    let token = leader.link_token().await.token;
    let joined = follower.joining(&token).send().await.expect("an answer");
    assert!(joined.status().is_success(), "{joined:?}");

    let next = free_address().to_string();
    for bad in ["north", "0.0.0.0", "192.0.2.7:0"] {
        let bad = change(&leader, &json!({ "next_addresses": [bad] }));
        let problem = refuse(bad, 422, "invalid-request").await;
        assert_eq!(problem.fields[0].field, "next_addresses");
    }
    let own: Link = follower.get("/link").await;
    let taken = change(&leader, &json!({ "next_addresses": [own.addresses[0]] }));
    refuse(taken, 409, "exists-already").await;

    let told = info(change(&leader, &json!({ "next_addresses": [next] }))).await;
    assert_eq!(told.next_addresses.join(","), next);
    leader_is(&follower, "where the leader will be", |link| {
        let leader = link.leader.as_ref();
        leader.is_some_and(|it| it.addresses.contains(&next))
    })
    .await;

    leading.set_env("MUSTER_PEERS", &next);
    leading.kill_and_restart();
    leading.wait_ready().await;
    let leader = leading.client().await;
    leader_is(&follower, "the leader where it is now", |link| {
        let leader = link.leader.as_ref();
        leader.is_some_and(|it| it.reachable && it.addresses.join(",") == next)
    })
    .await;
    let told = info(change(&leader, &json!({ "next_addresses": [] }))).await;
    assert!(told.next_addresses.is_empty());
}
