//! Several stagers share what is pushed.

use std::collections::BTreeSet;

use futures::future::join_all;
use http::Method;
use muster_api::{
    jobs::{Job, JobState},
    links::Link,
    plan::Plan,
    roles::{Role, RoleState},
};
use muster_e2e::{Client, eventually, guest, marked, named_host, push_of};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Links a host that only stages.
async fn link_stager(leader: &Client, follower: &Client) {
    let token = leader.link_token().await.token;
    let join = json!({ "token": token, "roles": ["stager"] });
    let _: Link = follower
        .send(Method::POST, "/link/actions/join", &join)
        .await;
    eventually("the stager runs", || async {
        let role: Role = follower.get("/roles/stager").await;
        (role.state == RoleState::Running).then_some(())
    })
    .await;
}

/// Pushes an app that nobody has compiled yet.
async fn push(leader: &Client, app: &str) -> Job {
    let wasm = leader
        .upload("app.wasm", &marked(guest("hello"), app))
        .await;
    let job = leader.push(app, &push_of(vec![wasm])).await;
    leader.get(&format!("/jobs/{}", job.id)).await
}

/// Where a push was staged last; nothing for the leader itself.
fn staged_on(job: &Job) -> Option<String> {
    let mut lines = job.log.iter().rev();
    let line = lines
        .find(|line| line.starts_with("staging "))
        .expect("a line about staging");
    line.split_once(" on ").map(|(_, host)| host.to_owned())
}

#[tokio::test]
async fn pushes_are_shared_out_among_the_stagers() {
    let (_leading, leader) = named_host("north").await;
    let (mut south, at_south) = named_host("south").await;
    let (_west, at_west) = named_host("west").await;
    link_stager(&leader, &at_south).await;
    link_stager(&leader, &at_west).await;

    // Pushes that come while no other is at work are the leader's own: on a machine
    // under load a round may be no rush at all, since each is uploaded first.
    let mut places = BTreeSet::new();
    for round in 0..5 {
        let apps: Vec<_> = (0..6)
            .map(|number| format!("app-{round}-{number}"))
            .collect();
        let jobs = join_all(apps.iter().map(|app| push(&leader, app))).await;
        for (app, job) in apps.iter().zip(&jobs) {
            assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
            let answer = leader.ask(&format!("{app}.localhost"), "/").await;
            assert_eq!(answer.0, StatusCode::OK, "{app}");
        }
        places.extend(jobs.iter().map(staged_on));
        if places.len() > 1 {
            break;
        }
    }
    assert!(places.len() > 1, "all at once, and only on {places:?}");

    // Without a stager of its own the leader has others.
    let _: Plan = leader
        .send(Method::DELETE, "/roles/stager", &Value::Null)
        .await;
    let job = push(&leader, "elsewhere").await;
    assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
    assert!(staged_on(&job).is_some(), "{job:#?}");

    // What cannot be staged is refused by whichever host finds out.
    let odd = leader.upload("app.wasm", b"no component").await;
    let refused = leader.push("odd", &push_of(vec![odd])).await;
    assert_eq!(refused.state, JobState::Failed, "{refused:#?}");
    let told = refused.problem.expect("a reason");
    assert_ne!(told.code, "push-failed", "{told:?}");

    // A stager that dies costs no push.
    south.kill();
    for number in 0..3 {
        let job = push(&leader, &format!("after-{number}")).await;
        assert_eq!(job.state, JobState::Succeeded, "{job:#?}");
        assert_eq!(staged_on(&job).as_deref(), Some("west"));
    }
}
