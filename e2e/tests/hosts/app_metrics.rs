//! What became of an app's requests, wherever in the group they were routed.

use muster_api::{links::LinkTokenSecret, metrics::AppMetrics};
use muster_e2e::{eventually, guest, named_host};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn the_leader_adds_up_what_its_hosts_have_counted() {
    let (_north, leader) = named_host("north").await;
    let (mut south, follower) = named_host("south").await;
    leader.push_component("shop", &guest("hello")).await;
    let token: LinkTokenSecret = leader.send(Method::POST, "/link-tokens", &json!({})).await;
    let join = json!({ "token": token.token });
    let _: Value = follower
        .send(Method::POST, "/link/actions/join", &join)
        .await;
    for client in [&leader, &follower] {
        eventually("the router knows the app", async || {
            let (status, _) = client.ask("shop.localhost", "/").await;
            (status == StatusCode::OK).then_some(())
        })
        .await;
    }
    let both = eventually("both requests are counted", async || {
        let told: AppMetrics = leader.get("/apps/shop/metrics").await;
        let requests: u64 = told.stretches.iter().map(|it| it.requests).sum();
        (requests >= 2).then_some(told)
    })
    .await;
    assert!(both.missing.is_empty(), "{both:?}");

    south.kill();
    let without = eventually("the lost host is named", async || {
        let told: AppMetrics = leader.get("/apps/shop/metrics").await;
        (!told.missing.is_empty()).then_some(told)
    })
    .await;
    assert_eq!(without.missing[0].host, "south");
    let requests: u64 = without.stretches.iter().map(|it| it.requests).sum();
    assert!(requests >= 1, "{without:?}");
}
