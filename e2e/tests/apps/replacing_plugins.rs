//! Role plugins that are replaced and removed while the host works.

use muster_api::{
    apps::AppDetail,
    problem::Problem,
    roles::{Role, RoleState},
};
use muster_e2e::{Client, Host, Load, eventually, guest, kept, marked, push_of, refused};
use reqwest::{Method, StatusCode};

async fn host() -> (Host, Client) {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    (host, client)
}

async fn serves(client: &Client, host: &str) {
    let (status, body) = client.ask(host, "/").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, "Hello from Muster!\n")
    );
}

/// The data path must refuse for this reason.
async fn refuses(client: &Client, host: &str, path: &str, status: u16, code: &str) -> Problem {
    let response = client.app(Method::GET, host, path).send();
    refused(response.await.expect("the data path answers"), status, code).await
}

fn digest(role: &Role) -> &str {
    &role.plugin.as_ref().expect("a plugin plays it").digest
}

#[tokio::test]
async fn the_plugin_decides_and_nobody_else() {
    let (mut host, client) = host().await;
    client.push_component("last", &guest("hostile")).await;
    refuses(&client, "unknown.test", "/count", 404, "route-not-found").await;

    let last = async |client: &Client| {
        for name in ["unknown.test", "hello.localhost", "last.localhost"] {
            let answer = client.ask(name, "/count").await;
            assert_eq!(answer, (StatusCode::OK, "1\n".to_owned()), "{name}");
        }
        let response = client
            .app(Method::GET, "hello.localhost", "/elsewhere")
            .send();
        let response = response.await.expect("the data path answers");
        assert_eq!(response.status(), StatusCode::FOUND);
        let to = response.headers().get("location");
        assert_eq!(to.map(|to| to.as_bytes()), Some(&b"/there"[..]));
    };
    let role = client.put_role("router", Some(guest("router-fixed"))).await;
    let plugin = role.plugin.expect("a plugin plays it");
    assert_eq!(
        (plugin.name.as_str(), plugin.bundled),
        ("router-fixed", false)
    );
    last(&client).await;
    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    last(&client).await;

    client.put_role("router", None).await;
    refuses(&client, "unknown.test", "/count", 404, "route-not-found").await;
    serves(&client, "hello.localhost").await;
}

#[tokio::test]
async fn plugins_are_replaced_without_a_failed_request() {
    let (host, client) = host().await;
    let load = Load::start(host.apps(), "hello.localhost", "/", 4);
    load.more(50).await;
    let routers = [
        Some(guest("router-fixed")),
        None,
        Some(kept("router-0.1.0")),
        Some(marked(guest("router"), "another")),
        Some(guest("router-trap")),
        Some(marked(guest("router"), "a third")),
        None,
    ];
    for router in routers {
        client.put_role("router", router).await;
        load.more(50).await;
    }
    for role in ["dea", "stager"] {
        let before = client.role(role).await;
        let other = client
            .put_role(role, Some(marked(guest(role), "another")))
            .await;
        assert_ne!(digest(&other), digest(&before));
        assert_eq!(other.state, RoleState::Running);
        client.push_component("other", &guest("hello")).await;
        serves(&client, "other.localhost").await;
        client.put_role(role, None).await;
        load.more(50).await;
    }
    let answers = load.end().await;
    assert!(answers.failed.is_empty(), "{:#?}", answers.failed);
    assert_eq!(answers.good.len(), 1, "{:?}", answers.good);
}

#[tokio::test]
async fn what_cannot_play_a_role_does_not_take_its_place() {
    let (host, client) = host().await;
    let load = Load::start(host.apps(), "hello.localhost", "/", 2);
    let heads = r#"(import "muster:router/heads@0.1.0" (instance))"#;
    let world = "muster:router/router-plugin@0.1.0";
    let bad = [
        (
            "no component at all",
            b"#!/bin/sh\nexit 0\n".to_vec(),
            "component",
        ),
        ("a module", b"\0asm\x01\0\0\0".to_vec(), "component"),
        (
            "a component that is cut off",
            cut(guest("router")),
            "component",
        ),
        ("no manifest", guest("hello"), "muster:plugin"),
        ("a manifest that is none", plugin("", "{"), "manifest"),
        (
            "another world",
            plugin("", &manifest("a:b/c@0.1.0", "")),
            "a:b/c@0.1.0",
        ),
        (
            "a version to come",
            plugin("", &manifest("muster:router/router-plugin@9.0.0", "")),
            "made for muster:router/router-plugin@9.0.0, this role needs muster:router/router-plugin@0.1.0",
        ),
        (
            "a minor version to come",
            plugin("", &manifest("muster:router/router-plugin@0.2.0", "")),
            "made for muster:router/router-plugin@0.2.0, this role needs muster:router/router-plugin@0.1.0",
        ),
        (
            "no version",
            plugin("", &manifest("muster:router/router-plugin", "")),
            "this role needs muster:router/router-plugin@0.1.0",
        ),
        (
            "another role",
            guest("stager"),
            "muster:stager/stager-plugin",
        ),
        (
            "an import that is not declared",
            plugin(heads, &manifest(world, "")),
            "muster:router/heads@0.1.0",
        ),
        (
            "an import that routers do not get",
            plugin("", &manifest(world, "\"wasi:http/outgoing-handler@0.2.0\"")),
            "wasi:http/outgoing-handler@0.2.0",
        ),
        (
            "nothing of what its world wants",
            plugin("", &manifest(world, "")),
            "",
        ),
        (
            "one that does not start",
            guest("router-unwell"),
            "this router is not well",
        ),
    ];
    let before = client.role("router").await;
    for (what, component, told) in bad {
        let response = client.try_role("router", Some(component)).await;
        assert_eq!(response.status().as_u16(), 422, "{what}");
        let problem = refused(response, 422, "plugin-unusable").await;
        assert!(problem.detail.contains(told), "{what}: {problem:?}");
        assert_eq!(client.role("router").await, before, "{what}");
    }
    for role in ["dea", "stager"] {
        let before = client.role(role).await;
        let response = client.try_role(role, Some(guest("router"))).await;
        refused(response, 422, "plugin-unusable").await;
        assert_eq!(client.role(role).await, before);
    }
    load.more(50).await;
    let answers = load.end().await;
    assert!(answers.failed.is_empty(), "{:#?}", answers.failed);
    client.push_component("hello", &guest("hello")).await;
}

/// A component with this import and this text as its manifest, and nothing in
/// it.
fn plugin(import: &str, manifest: &str) -> Vec<u8> {
    let manifest = manifest.replace('"', "\\22");
    let text =
        format!(r#"(component {import} (core module (@custom "muster:plugin" "{manifest}")))"#);
    wat::parse_str(text).expect("this is a component")
}

fn manifest(world: &str, imports: &str) -> String {
    format!(
        r#"{{"name":"bad","version":"0.1.0","role":"router","world":"{world}","imports":[{imports}]}}"#
    )
}

fn cut(mut component: Vec<u8>) -> Vec<u8> {
    component.truncate(component.len() / 2);
    component
}

#[tokio::test]
async fn without_a_router_no_app_is_reached_but_the_host_is() {
    let (mut host, client) = host().await;
    client.remove_role("router").await;
    assert_eq!(client.role("router").await.state, RoleState::Absent);
    for name in ["hello.localhost", "unknown.test"] {
        refuses(&client, name, "/", 503, "router-missing").await;
    }
    // The host does all the rest.
    client.push_component("later", &guest("hello")).await;
    refuses(&client, "later.localhost", "/", 503, "router-missing").await;

    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    assert_eq!(client.role("router").await.state, RoleState::Absent);
    refuses(&client, "hello.localhost", "/", 503, "router-missing").await;
    client.put_role("router", None).await;
    for name in ["hello.localhost", "later.localhost"] {
        serves(&client, name).await;
    }
}

#[tokio::test]
async fn without_a_stager_nothing_is_staged() {
    let (mut host, client) = host().await;
    client.remove_role("stager").await;
    let push = push_of(vec![client.upload("app.wasm", &guest("hello")).await]);
    let job = client.push("later", &push).await;
    let problem = job.problem.expect("it is not staged");
    assert_eq!(problem.code, "stager-missing", "{problem:?}");
    serves(&client, "hello.localhost").await;

    host.kill_and_restart();
    host.wait_ready().await;
    let client = host.client().await;
    assert_eq!(client.role("stager").await.state, RoleState::Absent);
    serves(&client, "hello.localhost").await;
    client.put_role("stager", None).await;
    client.push_component("later", &guest("hello")).await;
    serves(&client, "later.localhost").await;
}

#[tokio::test]
async fn without_an_agent_no_instance_runs() {
    let (mut host, client) = host().await;
    client.remove_role("dea").await;
    let stopped = async |client: &Client| {
        eventually("the end of all instances", async || {
            let detail: AppDetail = client.get("/apps/hello").await;
            (detail.placements.is_empty() && detail.app.running == 0).then_some(())
        })
        .await;
        refuses(client, "hello.localhost", "/", 503, "app-not-running").await;
        assert_eq!(client.role("dea").await.state, RoleState::Absent);
    };
    stopped(&client).await;

    // With its apps at rest, the host is not ready, but it is there.
    host.kill_and_restart();
    host.wait_alive().await;
    let client = host.client().await;
    stopped(&client).await;
    client.put_role("dea", None).await;
    host.wait_ready().await;
    serves(&client, "hello.localhost").await;
}
