//! Role plugins that fail: the role is shown so and restarted, and nothing else
//! is harmed by it.

use muster_api::{
    apps::AppDetail,
    jobs::{Job, JobState},
    roles::{Role, RoleState},
};
use muster_e2e::{Client, Host, eventually, greeting, guest, hello_version, push_of, refused};
use reqwest::{Method, StatusCode};

async fn host() -> (Host, Client) {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    (host, client)
}

async fn serves(client: &Client) {
    let (status, body) = client.ask("hello.localhost", "/").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, "Hello from Muster!\n")
    );
}

/// The other roles must never have failed.
async fn others_are_well(client: &Client, than: &str) {
    for name in ["router", "stager", "dea"] {
        if name != than {
            let role = client.role(name).await;
            assert_eq!(role.state, RoleState::Running, "{role:?}");
            assert_eq!((role.restarts, &role.last_error), (0, &None), "{role:?}");
        }
    }
}

/// The role must be shown to fail, with what went wrong.
fn assert_failed(role: &Role, why: &[&str]) {
    assert!(role.restarts > 0, "{role:?}");
    assert!(role.last_error_at.is_some(), "{role:?}");
    let error = role.last_error.as_deref().unwrap_or_default();
    assert!(why.iter().any(|why| error.contains(why)), "{role:?}");
}

#[tokio::test]
async fn a_router_that_fails_is_restarted_and_harms_nobody() {
    let (_host, client) = host().await;
    client.put_role("router", Some(guest("router-trap"))).await;
    serves(&client).await;

    for (path, why) in [
        // A debug host under load takes long to tell where it trapped.
        ("/trap", &["trapped", "stopped after 100 ms"][..]),
        ("/loop", &["stopped after 100 ms"]),
        // Whichever limit is reached first.
        ("/bomb", &["memory", "stopped after 100 ms"]),
    ] {
        let response = client.app(Method::GET, "hello.localhost", path).send();
        let response = response.await.expect("the data path answers");
        let again = response.headers().contains_key("retry-after");
        assert!(again, "{path} should be worth another try");
        refused(response, 503, "router-failing").await;
        assert_failed(&client.role("router").await, why);
        eventually("an answer after a restart", async || {
            let (status, _) = client.ask("hello.localhost", "/").await;
            (status == StatusCode::OK).then_some(())
        })
        .await;
    }

    // As often as it fails, it is shown to fail.
    eventually("the router's failure", async || {
        client.ask("hello.localhost", "/trap").await;
        (client.role("router").await.state == RoleState::Failing).then_some(())
    })
    .await;
    others_are_well(&client, "router").await;
    client.push_component("hello", &guest("hello")).await;

    let role = client.put_role("router", None).await;
    assert_eq!((role.state, role.restarts), (RoleState::Running, 0));
    assert!(role.plugin.is_some_and(|plugin| plugin.bundled));
    serves(&client).await;
    // It is for the app now to say what it thinks of this.
    assert_eq!(client.ask("hello.localhost", "/trap").await.0, 404);
}

#[tokio::test]
async fn what_a_failing_router_has_settled_is_answered() {
    let (_host, client) = host().await;
    client.put_role("router", Some(guest("router-trap"))).await;
    // One connection stays with one instance of the router. It rests longer
    // after each failure, but has said where `/` leads.
    serves(&client).await;
    for _ in 0..8 {
        let response = client.app(Method::GET, "hello.localhost", "/trap").send();
        let response = response.await.expect("the data path answers");
        refused(response, 503, "router-failing").await;
        serves(&client).await;
    }
}

#[tokio::test]
async fn an_agent_that_fails_leaves_instances_alone() {
    let (_host, client) = host().await;
    let before: AppDetail = client.get("/apps/hello").await;
    client.put_role("dea", Some(guest("dea-trap"))).await;
    let role = eventually("the failure", async || {
        let role = client.role("dea").await;
        (role.state == RoleState::Failing).then_some(role)
    })
    .await;
    assert_failed(&role, &["trapped"]);
    others_are_well(&client, "dea").await;

    // Nobody can start the new release, but what runs goes on.
    let push = push_of(vec![client.upload("app.wasm", &hello_version(1)).await]);
    let job: Job = client.send(Method::POST, "/apps/hello/pushes", &push).await;
    eventually("a release", async || {
        let detail: AppDetail = client.get("/apps/hello").await;
        detail.app.next_release
    })
    .await;
    for _ in 0..20 {
        serves(&client).await;
    }
    let after: AppDetail = client.get("/apps/hello").await;
    assert_eq!(after.placements, before.placements);

    // Somebody who can takes up where it failed.
    client.put_role("dea", None).await;
    let job = client.finished(&job).await;
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    let answer = client.ask("hello.localhost", "/").await;
    assert_eq!(answer, (StatusCode::OK, greeting(1)));
}

#[tokio::test]
async fn a_stager_that_fails_costs_one_push() {
    let (_host, client) = host().await;
    client.put_role("stager", Some(guest("stager-trap"))).await;
    for (app, why) in [("trap", "trapped"), ("bomb", "memory")] {
        let push = push_of(vec![client.upload("app.wasm", &guest("hello")).await]);
        let job = client.push(app, &push).await;
        let problem = job.problem.unwrap_or_else(|| panic!("{app} was staged"));
        assert_eq!(problem.code, "stager-failed", "{problem:?}");
        assert!(problem.detail.contains(why), "{problem:?}");
        let role = client.role("stager").await;
        assert_eq!(role.state, RoleState::Failing, "{role:?}");
        assert_failed(&role, &[why]);
        serves(&client).await;
    }
    // The next package meets a fresh instance, whatever it thinks of it.
    let push = push_of(vec![client.upload("app.wasm", &guest("hello")).await]);
    let job = client.push("fine", &push).await;
    let problem = job.problem.expect("it is refused");
    assert_eq!(problem.code, "not-liked", "{problem:?}");
    others_are_well(&client, "stager").await;

    client.put_role("stager", None).await;
    client.push_component("fine", &guest("hello")).await;
}
