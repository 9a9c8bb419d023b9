//! Hosts that are linked, and come apart again.

use std::time::Duration;

use http::Method;
use muster_api::{
    hosts::{HostState, LinkedHost},
    jobs::Job,
    links::{Link, LinkToken, LinkTokenSecret, LinkTokenState, Standing},
    page::Page,
    plan::Plan,
};
use muster_e2e::{
    Client, eventually, free_address, guest, host_with_peers, named_host, push_of, refuse,
};
use muster_peering::LinkToken as Token;
use serde_json::json;

async fn token(leader: &Client) -> String {
    let made: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &json!({})).await;
    made.token
}

async fn join(client: &Client, token: &str) -> Link {
    let join = json!({ "token": token });
    client.send(Method::POST, "/link/actions/join", &join).await
}

async fn hosts(leader: &Client) -> Vec<LinkedHost> {
    let page: Page<LinkedHost> = leader.get("/hosts").await;
    page.items
}

/// Refused for that reason, and nothing is left of it on either side.
async fn refuses(leader: &Client, joiner: &Client, token: &str, code: &str) {
    let before = hosts(leader).await.len();
    let ask = joiner
        .request(Method::POST, "/link/actions/join")
        .json(&json!({ "token": token }));
    refuse(ask, 409, code).await;
    let link: Link = joiner.get("/link").await;
    assert!(link.leader.is_none(), "{code}: {link:?}");
    assert!(
        link.cluster.is_none() || link.standing == Standing::Leader,
        "{code}: {link:?}"
    );
    assert_eq!(hosts(leader).await.len(), before, "{code}");
}

/// The token, changed and sealed anew.
fn changed(token: &str, change: impl FnOnce(&mut Token)) -> String {
    let mut token: Token = token.parse().expect("a token");
    change(&mut token);
    token.to_string()
}

#[tokio::test]
async fn hosts_link_and_part() {
    let (_leading, leader) = named_host("north").await;
    let (_following, follower) = named_host("south").await;
    let alone: Link = follower.get("/link").await;
    assert_eq!((alone.standing, alone.leader), (Standing::Alone, None));

    let first = token(&leader).await;
    let link = join(&follower, &first).await;
    assert_eq!(link.standing, Standing::Follower);
    assert_eq!(link.leader.expect("a leader").name, "north");
    let all = hosts(&leader).await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        (all[0].name.as_str(), all[1].name.as_str()),
        ("north", "south")
    );
    assert_eq!(all[1].state, HostState::Ready);
    assert_eq!(all[1].id, alone.host);
    let tokens: Page<LinkToken> = leader.get("/link-tokens").await;
    assert_eq!(tokens.items[0].state, LinkTokenState::Used);
    assert_eq!(tokens.items[0].host, Some(alone.host));

    // Whoever leads or follows cannot also do something else.
    let lead = follower
        .request(Method::POST, "/link-tokens")
        .json(&json!({}));
    refuse(lead, 409, "not-a-leader").await;
    let stop = leader.request(Method::POST, "/link/actions/stop-leading");
    refuse(stop, 409, "has-followers").await;

    // From the follower.
    let link: Link = follower
        .send(Method::POST, "/link/actions/leave", &json!({}))
        .await;
    assert_eq!((link.standing, link.leader), (Standing::Alone, None));
    assert_eq!(hosts(&leader).await.len(), 1);
    refuses(&leader, &follower, &first, "token-used").await;

    // From the leader: shown first, then done, and the follower hears of it.
    let link = join(&follower, &token(&leader).await).await;
    assert_eq!(link.standing, Standing::Follower);
    let shown = leader.request(Method::DELETE, "/hosts/south?dry_run=true");
    let shown: Plan = shown
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("a plan");
    assert!(
        !shown.done && shown.removes[0].contains("south"),
        "{shown:?}"
    );
    assert_eq!(hosts(&leader).await.len(), 2);
    let done = leader.request(Method::DELETE, "/hosts/south").send().await;
    assert!(done.expect("an answer").status().is_success());
    let told = eventually("the follower hears that it is out", async || {
        let link: Link = follower.get("/link").await;
        (link.standing == Standing::Alone).then_some(link)
    })
    .await;
    let why = told.ended.expect("a reason");
    assert!(why.contains("removed on the leader"), "{why}");

    let plan: Plan = leader
        .send(Method::POST, "/link/actions/stop-leading", &json!({}))
        .await;
    assert!(plan.done);
    let link: Link = leader.get("/link").await;
    assert_eq!((link.standing, link.cluster), (Standing::Alone, None));
    // The other way round now.
    let link = join(&leader, &token(&follower).await).await;
    assert_eq!(link.standing, Standing::Follower);
}

#[tokio::test]
async fn what_does_not_go_together_is_not_linked() {
    let (_leading, leader) = named_host("north").await;
    let good = token(&leader).await;
    let itself = leader
        .request(Method::POST, "/link/actions/join")
        .json(&json!({ "token": good }));
    refuse(itself, 409, "itself").await;

    let (_appliance, appliance) =
        host_with_peers(&[("MUSTER_NAME", "box"), ("MUSTER_MODE", "appliance")]).await;
    refuses(&leader, &appliance, &good, "other-mode").await;
    let (_single, single) =
        host_with_peers(&[("MUSTER_NAME", "single"), ("MUSTER_MULTI_NODE", "false")]).await;
    refuses(&leader, &single, &good, "multi-node-off").await;
    let lead = single
        .request(Method::POST, "/link-tokens")
        .json(&json!({}));
    refuse(lead, 409, "multi-node-off").await;

    let (_busy, busy) = named_host("busy").await;
    busy.push_component("hello", &guest("hello")).await;
    refuses(&leader, &busy, &good, "running-workloads").await;
    // Nor does one on which something is about to run.
    let (_early, early) = named_host("early").await;
    let wasm = early.upload("app.wasm", &guest("hello")).await;
    let path = "/apps/hello/pushes";
    let _: Job = early.send(Method::POST, path, &push_of(vec![wasm])).await;
    refuses(&leader, &early, &good, "running-workloads").await;

    let (_south, south) = named_host("south").await;
    for wrong in [
        "",
        "muster1.",
        "muster2.abc",
        "hello",
        &good[..good.len() - 3],
    ] {
        let ask = south
            .request(Method::POST, "/link/actions/join")
            .json(&json!({ "token": wrong }));
        refuse(ask, 422, "invalid-request").await;
    }
    let nobody = free_address().to_string();
    let lost = changed(&good, |token| token.addresses = vec![nobody.clone()]);
    refuses(&leader, &south, &lost, "unreachable").await;
    let guessed = changed(&good, |token| token.secret[0] ^= 1);
    refuses(&leader, &south, &guessed, "proof-wrong").await;
    let unknown = changed(&good, |token| token.id = uuid::Uuid::nil());
    refuses(&leader, &south, &unknown, "unknown-token").await;
    // Another leader at the address that the token names.
    let (_other, other) = named_host("other").await;
    let theirs: Token = token(&other).await.parse().expect("a token");
    let misled = changed(&good, |token| token.addresses = theirs.addresses.clone());
    refuses(&leader, &south, &misled, "pin-mismatch").await;

    let made: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &json!({})).await;
    let withdrawn = leader.request(Method::DELETE, &format!("/link-tokens/{}", made.id));
    assert!(
        withdrawn
            .send()
            .await
            .expect("an answer")
            .status()
            .is_success()
    );
    refuses(&leader, &south, &made.token, "unknown-token").await;
    let brief: LinkTokenSecret = leader
        .send(Method::POST, "/link-tokens", &json!({ "life_s": 10 }))
        .await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    refuses(&leader, &south, &brief.token, "token-expired").await;
    for life in [0, 9, 1_801] {
        let new = leader
            .request(Method::POST, "/link-tokens")
            .json(&json!({ "life_s": life }));
        refuse(new, 422, "invalid-request").await;
    }

    // All of the addresses are tried, and two who come at once are one.
    let several = changed(&good, |token| token.addresses.insert(0, nobody));
    let (_west, west) = named_host("west").await;
    let ask = |client: &Client| {
        let ask = client.request(Method::POST, "/link/actions/join");
        ask.json(&json!({ "token": several })).send()
    };
    let (one, two) = tokio::join!(ask(&south), ask(&west));
    let statuses = [one, two].map(|reply| reply.expect("an answer").status().as_u16());
    assert!(
        statuses == [200, 409] || statuses == [409, 200],
        "{statuses:?}"
    );
    assert_eq!(hosts(&leader).await.len(), 2);
}

#[tokio::test]
async fn a_host_is_itself_wherever_it_is() {
    let (mut leading, leader) = named_host("north").await;
    let (mut following, follower) = named_host("south").await;
    join(&follower, &token(&leader).await).await;

    let moved = free_address().to_string();
    following.set_env("MUSTER_PEERS", moved.clone());
    following.kill_and_restart();
    following.wait_ready().await;
    eventually("the leader hears where the follower is", async || {
        let all = hosts(&leader).await;
        (all[1].about.addresses == [moved.clone()]).then_some(())
    })
    .await;

    let moved = free_address().to_string();
    leading.set_env("MUSTER_PEERS", moved.clone());
    leading.kill_and_restart();
    leading.wait_ready().await;
    let follower = following.client().await;
    eventually("the follower hears where the leader is", async || {
        let link: Link = follower.get("/link").await;
        let known = link.leader.expect("a leader");
        (known.addresses == [moved.clone()] && known.reachable).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_lost_host_is_forced_out_and_comes_back_as_a_stranger() {
    let (_leading, leader) = named_host("north").await;
    let (mut following, follower) = named_host("south").await;
    join(&follower, &token(&leader).await).await;
    following.kill();
    eventually("the leader misses the follower", async || {
        let all = hosts(&leader).await;
        (all[1].state == HostState::Unreachable).then_some(())
    })
    .await;
    let forced = leader.request(Method::DELETE, "/hosts/south?force=true");
    assert!(
        forced
            .send()
            .await
            .expect("an answer")
            .status()
            .is_success()
    );
    assert_eq!(hosts(&leader).await.len(), 1);

    following.kill_and_restart();
    following.wait_ready().await;
    let follower = following.client().await;
    let told = eventually("the follower hears that it is out", async || {
        let link: Link = follower.get("/link").await;
        (link.standing == Standing::Alone).then_some(link)
    })
    .await;
    assert!(told.ended.is_some());
    let link = join(&follower, &token(&leader).await).await;
    assert_eq!(link.standing, Standing::Follower);
}

#[tokio::test]
async fn a_lost_leader_can_be_abandoned() {
    let (mut leading, leader) = named_host("north").await;
    let (_following, follower) = named_host("south").await;
    join(&follower, &token(&leader).await).await;
    leading.kill();
    let leave = follower
        .request(Method::POST, "/link/actions/leave")
        .json(&json!({}));
    refuse(leave, 409, "unreachable").await;
    let abandon = json!({ "abandon": true });
    let link: Link = follower
        .send(Method::POST, "/link/actions/leave", &abandon)
        .await;
    assert_eq!((link.standing, link.leader), (Standing::Alone, None));
}
