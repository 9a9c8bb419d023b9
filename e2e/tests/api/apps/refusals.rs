//! What cannot be asked of an app.

use muster_e2e::{Case, Host, everything, guest, refuse, refuse_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{show, without_droplet};

#[tokio::test]
async fn what_cannot_be_asked_of_an_app_changes_nothing() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    client.push_component("other", &guest("hello")).await;
    without_droplet(&client, "bare").await;
    let other = show(&client, "other").await.app.droplet;

    let nothing = Value::Null;
    let mut cases = Vec::new();
    for app in ["nobody", "Shop", "shop%2Fx", "%00", "%C3%A4"] {
        for (method, path, body) in [
            (Method::GET, "", &nothing),
            (Method::PATCH, "", &json!({ "instances": 2 })),
            (Method::DELETE, "", &nothing),
            (Method::DELETE, "?dry_run=true", &nothing),
            (Method::GET, "/env", &nothing),
            (Method::PATCH, "/env", &json!({ "set": { "A": "b" } })),
            (Method::POST, "/actions/start", &nothing),
            (Method::POST, "/actions/stop", &nothing),
            (Method::POST, "/actions/restart", &nothing),
            (Method::POST, "/rollback", &json!({})),
            (Method::GET, "/droplets", &nothing),
            (Method::GET, "/logs", &nothing),
        ] {
            let path = format!("/apps/{app}{path}");
            cases.push(Case::new(method, path, body.clone(), 404, "app-not-found"));
            if app != "nobody" {
                break;
            }
        }
    }
    for (method, path, body) in [
        (Method::POST, "/actions/start", &nothing),
        (Method::POST, "/actions/restart", &nothing),
        (Method::PATCH, "", &json!({ "memory": "32MiB" })),
        (
            Method::PATCH,
            "",
            &json!({ "instances": 7, "memory": "32MiB" }),
        ),
        (Method::PATCH, "/env", &json!({ "set": { "A": "b" } })),
    ] {
        let path = format!("/apps/bare{path}");
        cases.push(Case::new(
            method,
            path,
            body.clone(),
            409,
            "app-has-no-droplet",
        ));
    }
    cases.push(Case::new(
        Method::POST,
        "/apps/bare/rollback",
        json!({}),
        409,
        "no-earlier-droplet",
    ));
    cases.push(Case::field(
        Method::PATCH,
        "/apps/shop/env",
        json!({}),
        "set",
    ));
    for (body, field) in [
        (json!({}), "instances"),
        (json!({ "instances": 1001 }), "instances"),
        (json!({ "instances": 2, "memory": 1 }), "limits.memory"),
        (json!({ "memory": "5GiB" }), "limits.memory"),
    ] {
        cases.push(Case::field(Method::PATCH, "/apps/shop", body, field));
    }
    for (set, field) in [
        (json!({ "": "x" }), "env."),
        (json!({ "A=B": "x" }), "env.A=B"),
        (json!({ "A": "x\u{0}" }), "env.A"),
        (json!({ "BIG": "x".repeat(256 << 10) }), "env"),
    ] {
        let body = json!({ "set": set });
        cases.push(Case::field(Method::PATCH, "/apps/shop/env", body, field));
    }
    let body = json!({ "set": { "A": "b" }, "unset": ["GONE"] });
    cases.push(Case::field(Method::PATCH, "/apps/shop/env", body, "unset"));
    for (path, body) in [
        ("/apps/shop", json!({ "instances": -1 })),
        ("/apps/shop", json!({ "instances": "two" })),
        ("/apps/shop", json!({ "instances": 4_294_967_296_u64 })),
        ("/apps/shop", json!({ "memory": "lots" })),
        ("/apps/shop", json!({ "replicas": 2 })),
        ("/apps/shop", json!({ "instances": 2, "replicas": 2 })),
        ("/apps/shop/env", json!({ "set": { "A": 1 } })),
        ("/apps/shop/env", json!({ "set": ["A=b"] })),
        ("/apps/shop/env", json!({ "unset": "A" })),
        ("/apps/shop/env", json!({ "A": "b" })),
    ] {
        cases.push(Case::new(Method::PATCH, path, body, 422, "invalid-request"));
    }
    let rollback =
        |body, status, code| Case::new(Method::POST, "/apps/shop/rollback", body, status, code);
    cases.push(rollback(json!({}), 409, "no-earlier-droplet"));
    cases.push(rollback(
        json!({ "droplet": other }),
        404,
        "droplet-not-found",
    ));
    cases.push(rollback(
        json!({ "droplet": "first" }),
        422,
        "invalid-request",
    ));
    cases.push(rollback(json!({ "release": 1 }), 422, "invalid-request"));
    cases.push(Case::new(
        Method::DELETE,
        "/apps/shop?dry_run=maybe",
        Value::Null,
        400,
        "invalid-query",
    ));
    refuse_all(&client, cases).await;

    let before = everything(&client).await;
    let patch = || client.request(Method::PATCH, "/apps/shop");
    let typed = patch().header("content-type", "application/json");
    refuse(typed.body(r#"{"instances":2"#), 400, "invalid-request").await;
    let typed = patch().header("content-type", "application/toml");
    refuse(typed.body("instances = 2"), 415, "not-json").await;
    refuse(patch(), 415, "not-json").await;
    assert_eq!(everything(&client).await, before);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_list_is_not_taken_for_an_object() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let mut cases = Vec::new();
    for (method, path, body) in [
        (Method::PATCH, "/apps/shop", json!([2])),
        (Method::PATCH, "/apps/shop/env", json!([{ "A": "b" }])),
        (Method::POST, "/apps/shop/rollback", json!([])),
        (Method::POST, "/apps/shop/pushes", json!([[]])),
        (Method::POST, "/routes", json!(["new.test", "shop"])),
        (Method::POST, "/blocks/missing", json!([[]])),
    ] {
        cases.push(Case::new(method, path, body, 422, "invalid-request"));
    }
    refuse_all(&client, cases).await;
}
