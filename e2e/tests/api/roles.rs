//! `/roles`: which jobs the host does, and which plugin does each.

use muster_api::{
    apps::{AppDetail, Instance},
    jobs::JobState,
    page::Page,
    plan::Plan,
    roles::{Role, RoleState},
};
use muster_e2e::{Case, Client, Host, eventually, everything, guest, push_of, refuse, refuse_all};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};

const PLAYED: [&str; 3] = ["dea", "router", "stager"];

async fn show(client: &Client, role: &str) -> Role {
    client.get(&format!("/roles/{role}")).await
}

fn put(client: &Client, role: &str, component: Vec<u8>) -> RequestBuilder {
    client
        .request(Method::PUT, &format!("/roles/{role}"))
        .body(component)
}

async fn add(client: &Client, role: &str, component: Vec<u8>) -> Role {
    let reply = put(client, role, component)
        .send()
        .await
        .expect("the host answers");
    let status = reply.status();
    let text = reply.text().await.expect("a body");
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

async fn remove(client: &Client, role: &str, query: &str) -> Plan {
    let path = format!("/roles/{role}{query}");
    client.send(Method::DELETE, &path, &Value::Null).await
}

/// Asks for the app until the data path answers so.
async fn until(client: &Client, wanted: StatusCode) {
    eventually(&format!("the app answers {wanted}"), async || {
        (client.ask("shop.localhost", "/").await.0 == wanted).then_some(())
    })
    .await;
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[tokio::test]
async fn roles_are_shown_with_what_plays_them() {
    let host = Host::start().await;
    let client = host.client().await;
    let page: Page<Role> = client.get("/roles").await;
    assert_eq!(page.next, None);
    let names: Vec<_> = page.items.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "base",
            "controller",
            "dea",
            "load-balancer",
            "primary",
            "router",
            "stager"
        ]
    );
    for role in &page.items {
        assert_eq!(*role, show(&client, &role.name).await);
        assert_eq!(role.alone, role.name == "load-balancer");
        if role.alone {
            assert_eq!((role.state, &role.plugin), (RoleState::Absent, &None));
            continue;
        }
        assert_eq!(role.state, RoleState::Running, "{role:?}");
        assert!(!role.summary.is_empty(), "{role:?}");
        assert_eq!((role.restarts, &role.last_error), (0, &None), "{role:?}");
        assert_eq!(
            role.builtin,
            !PLAYED.contains(&role.name.as_str()),
            "{role:?}"
        );
        assert_eq!(role.builtin, role.plugin.is_none(), "{role:?}");
        let Some(plugin) = &role.plugin else { continue };
        assert!(plugin.bundled, "{role:?}");
        assert_eq!(plugin.name, role.name);
        let world = format!("muster:{0}/{0}-plugin@0.1.", role.name);
        assert!(plugin.world.starts_with(&world), "{role:?}");
        assert_eq!(plugin.digest.len(), 64, "{role:?}");
        assert!(
            plugin.memory_limit > 0 && plugin.call_limit_ms > 0,
            "{role:?}"
        );
    }
}

#[tokio::test]
async fn a_role_goes_and_comes_back_and_its_work_with_it() {
    let mut host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;

    let before = everything(&client).await;
    let plan = remove(&client, "router", "?dry_run=true").await;
    assert_eq!((plan.removes.len(), plan.done), (1, false));
    assert_eq!(everything(&client).await, before);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    assert_eq!(
        remove(&client, "router", "").await,
        Plan { done: true, ..plan }
    );
    let gone = show(&client, "router").await;
    assert_eq!((gone.state, gone.plugin), (RoleState::Absent, None));
    refuse(
        client.request(Method::DELETE, "/roles/router"),
        404,
        "role-not-found",
    )
    .await;
    refuse(
        client.app(Method::GET, "shop.localhost", "/"),
        503,
        "router-missing",
    )
    .await;
    add(&client, "router", Vec::new()).await;
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);

    remove(&client, "stager", "").await;
    let push = push_of(vec![client.upload("app.wasm", &guest("hello")).await]);
    let job = client.push("shop", &push).await;
    assert_eq!(job.state, JobState::Failed);
    let problem = job.problem.unwrap();
    assert_eq!(problem.code, "stager-missing");
    muster_e2e::assert_remedy(problem.remedy.as_deref().unwrap());
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);

    remove(&client, "dea", "").await;
    until(&client, StatusCode::SERVICE_UNAVAILABLE).await;

    // What a host has been told holds after a restart.
    host.kill_and_restart();
    eventually("the host is back", async || {
        let alive = client.anonymous(Method::GET, "/healthz").send().await;
        alive
            .is_ok_and(|reply| reply.status() == StatusCode::OK)
            .then_some(())
    })
    .await;
    let client = host.client().await;
    assert_eq!(show(&client, "router").await.state, RoleState::Running);
    for role in ["stager", "dea"] {
        assert_eq!(show(&client, role).await.state, RoleState::Absent, "{role}");
        let back = add(&client, role, Vec::new()).await;
        assert_eq!(back.state, RoleState::Running, "{back:?}");
    }
    until(&client, StatusCode::OK).await;
    let job = client.push("shop", &push).await;
    assert_eq!(job.problem, None);
}

#[tokio::test]
async fn a_plugin_of_ones_own_takes_the_bundled_ones_place() {
    let host = Host::start().await;
    let client = host.client().await;
    let bundled = show(&client, "router").await;
    let mine = guest("router-fixed");
    let role = add(&client, "router", mine.clone()).await;
    assert_eq!(role, show(&client, "router").await);
    let plugin = role.plugin.unwrap();
    assert_eq!(
        (plugin.name.as_str(), plugin.bundled),
        ("router-fixed", false)
    );
    assert_eq!(plugin.digest, sha256(&mine));
    add(&client, "router", Vec::new()).await;
    assert_eq!(show(&client, "router").await, bundled);
}

#[tokio::test]
async fn what_cannot_play_a_role_is_refused_and_the_old_plugin_goes_on() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let stager = guest("stager");
    let module = wat::parse_str("(module)").unwrap();
    let lying = wat::parse_str(
        r#"(component
            (core module (@custom "muster:plugin" "{\22name\22:\22r\22,\22version\22:\221.0.0\22,\22role\22:\22router\22,\22world\22:\22muster:router/router-plugin@0.1.0\22}"))
        )"#,
    )
    .unwrap();
    let greedy = wat::parse_str(
        r#"(component
            (import "wasi:sockets/network@0.2.0" (instance))
            (core module (@custom "muster:plugin" "{\22name\22:\22r\22,\22version\22:\221.0.0\22,\22role\22:\22router\22,\22world\22:\22muster:router/router-plugin@0.1.0\22}"))
        )"#,
    )
    .unwrap();
    let before = everything(&client).await;
    for (component, told) in [
        (b"#!/bin/sh\n".to_vec(), "not a WebAssembly component"),
        (vec![0], "not a WebAssembly component"),
        (module, "not a WebAssembly component"),
        (
            stager[..stager.len() / 2].to_vec(),
            "not a WebAssembly component",
        ),
        (guest("hello"), "muster:plugin"),
        (stager, "muster:router/router-plugin@0.1.0"),
        (
            lying,
            "no exported instance named `muster:lifecycle/lifecycle@0.1.0`",
        ),
        (greedy, "wasi:sockets/network@0.2.0"),
    ] {
        let problem = refuse(put(&client, "router", component), 422, "plugin-unusable").await;
        assert!(problem.detail.contains(told), "{told}: {problem:?}");
        assert!(!problem.detail.contains("trapped"), "{problem:?}");
        assert_eq!(everything(&client).await, before, "{told}");
        assert_eq!(
            client.ask("shop.localhost", "/").await.0,
            StatusCode::OK,
            "{told}"
        );
    }
}

#[tokio::test]
async fn what_is_no_role_is_refused_and_changes_nothing() {
    let host = Host::start().await;
    let client = host.client().await;
    let case =
        |method, path: &str, status, code| Case::new(method, path, Value::Null, status, code);
    let mut cases = vec![
        case(Method::GET, "/roles/nobody", 404, "role-not-found"),
        case(Method::DELETE, "/roles/nobody", 404, "role-not-found"),
        case(
            Method::DELETE,
            "/roles/nobody?dry_run=true",
            404,
            "role-not-found",
        ),
        case(
            Method::DELETE,
            "/roles/router?dry_run=x",
            400,
            "invalid-query",
        ),
    ];
    for role in ["base", "controller", "primary"] {
        for query in ["", "?dry_run=true"] {
            let path = format!("/roles/{role}{query}");
            cases.push(case(Method::DELETE, &path, 409, "role-builtin"));
        }
    }
    for role in ["nobody", "base", "Router", "harbor"] {
        let path = format!("/roles/{role}");
        cases.push(Case::field(Method::PUT, path, Value::Null, "role"));
    }
    refuse_all(&client, cases).await;
}

#[tokio::test]
async fn a_plugin_that_is_too_large_is_told_so() {
    let host = Host::start().await;
    let client = host.client().await;
    let before = everything(&client).await;
    let large = vec![0; (64 << 20) + 1];
    let problem = refuse(put(&client, "router", large), 413, "invalid-request").await;
    assert!(!problem.detail.is_empty(), "{problem:?}");
    assert_eq!(everything(&client).await, before);
}

async fn placements(client: &Client) -> Vec<Instance> {
    let app: AppDetail = client.get("/apps/shop").await;
    app.placements
}

async fn act(client: &Client, role: &str, action: &str) -> Plan {
    let path = format!("/roles/{role}/actions/{action}");
    client.send(Method::POST, &path, &Value::Null).await
}

#[tokio::test]
async fn a_role_is_stopped_and_started_without_losing_its_plugin() {
    let mut host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;

    let plan = act(&client, "router", "stop?dry_run=true").await;
    assert_eq!((plan.removes.len(), plan.done), (1, false));
    until(&client, StatusCode::OK).await;
    let before = show(&client, "router").await;
    assert!(act(&client, "router", "stop").await.done);
    until(&client, StatusCode::SERVICE_UNAVAILABLE).await;
    let stopped = show(&client, "router").await;
    assert_eq!(stopped.state, RoleState::Stopped);
    assert_eq!(stopped.plugin, before.plugin);
    assert_eq!(act(&client, "router", "stop").await.removes.len(), 0);

    // It stays so, until somebody says otherwise.
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    assert_eq!(show(&client, "router").await.state, RoleState::Stopped);
    until(&client, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(act(&client, "router", "start").await.done);
    until(&client, StatusCode::OK).await;
    assert_eq!(show(&client, "router").await.state, RoleState::Running);
    assert_eq!(act(&client, "router", "start").await.changes.len(), 0);
    act(&client, "router", "restart").await;
    until(&client, StatusCode::OK).await;

    // Without its agent the host runs nothing; a new one leaves alone what runs.
    let running = placements(&client).await;
    act(&client, "dea", "restart").await;
    until(&client, StatusCode::OK).await;
    assert_eq!(placements(&client).await, running);
    act(&client, "dea", "stop").await;
    until(&client, StatusCode::SERVICE_UNAVAILABLE).await;
    act(&client, "dea", "start").await;
    until(&client, StatusCode::OK).await;

    for (role, status, code) in [
        ("base", 409, "role-builtin"),
        ("baker", 404, "role-not-found"),
    ] {
        for action in ["start", "stop", "restart"] {
            let path = format!("/roles/{role}/actions/{action}");
            refuse(client.request(Method::POST, &path), status, code).await;
        }
    }
}
