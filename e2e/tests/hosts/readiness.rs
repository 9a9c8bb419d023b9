//! When a host of a group is ready: once what it is to do itself is done.

use http::Method;
use muster_api::{
    jobs::JobState,
    links::Standing,
    plan::Plan,
    pushes::{Push, SettingsChange},
    settings::Placement,
    status::Status,
};
use muster_e2e::{eventually, guest, host_with_peers, named_host, push_of};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn what_does_not_serve_elsewhere_keeps_no_host_from_being_ready() {
    let (mut north, leader) = named_host("north").await;
    let cellar = [("MUSTER_NAME", "south"), ("MUSTER_ZONE", "cellar")];
    let (mut south, second) = host_with_peers(&cellar).await;
    let (mut west, third) = named_host("west").await;
    for follower in [&second, &third] {
        follower.join(&leader.link_token().await.token).await;
    }
    let there = Placement {
        zones: vec!["cellar".to_owned()],
        ..Placement::default()
    };
    let push = Push {
        settings: SettingsChange {
            placement: Some(there),
            ..SettingsChange::default()
        },
        ..push_of(vec![leader.upload("app.wasm", &guest("hello")).await])
    };
    let job = leader.push("shop", &push).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    let short = |status: &Status| status.attention.iter().any(|it| it.contains("0 of 1"));

    south.kill();
    let status = eventually("the third hears that nothing serves", async || {
        let status: Status = third.get("/status").await;
        short(&status).then_some(status)
    })
    .await;
    assert!(status.ready, "{status:#?}");
    assert_eq!((status.desired, status.running), (1, 0));
    // An app that serves nowhere is for the host that leads to see to.
    let status: Status = leader.get("/status").await;
    assert!(!status.ready && short(&status), "{status:#?}");

    north.kill();
    west.kill_and_restart();
    west.wait_ready().await;
    let status: Status = west.client().await.get("/status").await;
    assert!(short(&status), "{status:#?}");
}

#[tokio::test]
async fn a_host_serves_the_group_when_it_is_linked_and_may_come_and_go_at_once() {
    let (_north, leader) = named_host("north").await;
    let (_south, second) = named_host("south").await;
    leader.push_component("shop", &guest("hello")).await;
    for _ in 0..3 {
        let link = second.join(&leader.link_token().await.token).await;
        assert_eq!(link.standing, Standing::Follower);
        let (status, text) = second.ask("shop.localhost", "/").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let plan: Plan = leader
            .send(Method::DELETE, "/hosts/south", &json!({}))
            .await;
        assert!(plan.done);
    }
    eventually(
        "it stands alone, and routes nothing of the group",
        async || {
            let (status, _) = second.ask("shop.localhost", "/").await;
            (status == StatusCode::NOT_FOUND).then_some(())
        },
    )
    .await;
}
