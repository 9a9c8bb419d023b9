//! `ETag`, `If-Match` and `If-None-Match`: what was seen is not sent again, and
//! nobody overwrites what they have not seen. And `dry_run`: what a change would
//! do is told, and not done.

use muster_api::{
    apps::{AppDetail, DesiredState},
    jobs::{Job, JobState},
    plan::Plan,
    routes::Route,
};
use muster_e2e::{Client, Host, everything, guest, refuse, refused};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

fn tag(response: &Response) -> String {
    let tag = response.headers().get("etag");
    let tag = tag.unwrap_or_else(|| panic!("{} has no tag", response.url()));
    tag.to_str().expect("text").to_owned()
}

async fn seen(client: &Client, path: &str) -> String {
    let response = client
        .request(Method::GET, path)
        .send()
        .await
        .expect("the host answers");
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let tag = tag(&response);
    assert!(
        tag.starts_with('"') && tag.ends_with('"'),
        "{tag} is not strong"
    );
    tag
}

fn if_match(request: RequestBuilder, tag: &str) -> RequestBuilder {
    request.header("if-match", tag)
}

#[tokio::test]
async fn what_was_seen_is_not_sent_again() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let routes: Value = client.get("/routes").await;
    let route = format!("/routes/{}", routes["items"][0]["id"].as_str().unwrap());
    let jobs: Value = client.get("/jobs").await;
    let job = format!("/jobs/{}", jobs["items"][0]["id"].as_str().unwrap());
    for path in [
        "/apps/shop",
        "/apps/shop/env",
        "/roles/router",
        "/info",
        &route,
        &job,
    ] {
        let tag = seen(&client, path).await;
        let get = || client.request(Method::GET, path);
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let again = get().header("if-none-match", known).send().await.unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
            assert_eq!(again.headers()["etag"], tag.as_str(), "{path}");
            assert_eq!(again.bytes().await.unwrap().len(), 0, "{path}");
        }
        let other = get().header("if-none-match", "\"x\"").send().await.unwrap();
        assert_eq!(other.status(), StatusCode::OK, "{path}");
        for bad in ["x", "", "\"a\" \"b\"", "*, *"] {
            refuse(get().header("if-none-match", bad), 400, "invalid-header").await;
        }
    }
}

#[tokio::test]
async fn adding_to_a_route_overwrites_nothing_unseen() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let add = |body: Value| client.request(Method::POST, "/routes").json(&body);
    let plan = async |body: Value| {
        let url = client.request(Method::POST, "/routes?dry_run=true");
        let answer = url.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let plan: Plan = answer.json().await.unwrap();
        assert!(!plan.done && plan.removes.is_empty(), "{plan:?}");
        plan.changes
    };
    let to = |weight: u32| json!({ "route": "a.example", "app": "shop", "weight": weight });
    let away = |to: &str| json!({ "route": "b.example", "redirect": to });

    // What is not there yet, nobody has seen.
    let unseen = if_match(add(to(5)), "\"x\"");
    refuse(unseen, 412, "precondition-failed").await;
    let before = everything(&client).await;
    assert_eq!(
        plan(to(5)).await,
        ["the route a.example/ to shop is made"],
        "what a dry run says"
    );
    assert_eq!(
        plan(away("/x")).await,
        ["the redirect b.example/ to /x is made"]
    );
    assert_eq!(everything(&client).await, before, "a dry run does nothing");

    let made = add(to(5)).send().await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let first = tag(&made);
    assert_eq!(plan(to(7)).await, ["weight of shop: 5 → 7"]);
    assert!(plan(to(5)).await.is_empty());
    let again = if_match(add(to(7)), &first).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    refuse(if_match(add(to(9)), &first), 412, "precondition-failed").await;
    let late = client.request(Method::POST, "/routes?dry_run=true");
    refuse(
        if_match(late.json(&to(9)), &first),
        412,
        "precondition-failed",
    )
    .await;

    let made = add(away("/x")).send().await.unwrap();
    let first = tag(&made);
    assert_eq!(plan(away("/y")).await, ["location: /x → /y"]);
    let again = if_match(add(away("/y")), &first).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    let shown: Route = again.json().await.unwrap();
    refuse(
        if_match(add(away("/z")), &first),
        412,
        "precondition-failed",
    )
    .await;
    let now: Route = client.get(&format!("/routes/{}", shown.id)).await;
    assert_eq!(now, shown);
}

#[tokio::test]
async fn nobody_changes_what_they_have_not_seen() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let first = seen(&client, "/apps/shop").await;
    let scale = |to: u32| {
        let request = client.request(Method::PATCH, "/apps/shop");
        request.json(&json!({ "instances": to }))
    };
    let done = if_match(scale(2), &first).send().await.unwrap();
    assert_eq!(done.status(), StatusCode::ACCEPTED);
    client.finished(&done.json::<Job>().await.unwrap()).await;

    // What was seen is of the past now, whatever the change.
    let now = seen(&client, "/apps/shop").await;
    assert_ne!(first, now);
    let before = everything(&client).await;
    let env = json!({ "set": { "A": "b" } });
    let post = |path: &str| client.request(Method::POST, path);
    let late = [
        scale(3),
        client.request(Method::PATCH, "/apps/shop/env").json(&env),
        client.request(Method::DELETE, "/apps/shop"),
        client.request(Method::DELETE, "/apps/shop?dry_run=true"),
        post("/apps/shop/actions/stop"),
        post("/apps/shop/actions/start"),
        post("/apps/shop/actions/restart"),
        post("/apps/shop/rollback").json(&json!({})),
    ];
    for request in late {
        let answer = if_match(request, &first).send().await.unwrap();
        let current = tag(&answer);
        refused(answer, 412, "precondition-failed").await;
        assert!(
            now.starts_with(current.trim_end_matches('"')),
            "{current} of {now}"
        );
    }
    refuse(if_match(scale(3), "W/\"x\""), 412, "precondition-failed").await;
    refuse(
        if_match(scale(3), &format!("W/{now}")),
        412,
        "precondition-failed",
    )
    .await;
    refuse(if_match(scale(3), "x"), 400, "invalid-header").await;
    assert_eq!(everything(&client).await, before);

    let anything = if_match(scale(1), "*").send().await.unwrap();
    assert_eq!(anything.status(), StatusCode::ACCEPTED);
    let push = muster_e2e::push_of(vec![client.upload("app.wasm", &guest("hello")).await]);
    let new = client.request(Method::POST, "/apps/new/pushes").json(&push);
    refuse(if_match(new, "*"), 412, "precondition-failed").await;

    let added = client
        .request(Method::POST, "/routes")
        .json(&json!({ "route": "a.example", "app": "shop" }))
        .send()
        .await
        .unwrap();
    let first = tag(&added);
    let route: Route = added.json().await.unwrap();
    let path = format!("/routes/{}", route.id);
    assert_eq!(seen(&client, &path).await, first);
    let again = json!({ "route": "a.example", "app": "shop", "weight": 7 });
    let _: Route = client.send(Method::POST, "/routes", &again).await;
    let remove = || client.request(Method::DELETE, &path);
    refuse(if_match(remove(), &first), 412, "precondition-failed").await;
    let now = seen(&client, &path).await;
    let removed = if_match(remove(), &now).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::OK);

    let role = seen(&client, "/roles/stager").await;
    let remove = || client.request(Method::DELETE, "/roles/stager");
    refuse(if_match(remove(), "\"x\""), 412, "precondition-failed").await;
    let removed = if_match(remove(), &role).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::OK);
}

#[tokio::test]
async fn one_of_many_who_saw_the_same_changes_it() {
    let host = Host::start().await;
    let client = host.client().await;
    let push = muster_api::pushes::Push {
        no_start: true,
        ..muster_e2e::push_of(vec![client.upload("app.wasm", &guest("hello")).await])
    };
    client.push("shop", &push).await;
    let tag = seen(&client, "/apps/shop").await;
    let all = (2..18).map(|instances: u32| {
        let request = client.request(Method::PATCH, "/apps/shop");
        if_match(request.json(&json!({ "instances": instances })), &tag).send()
    });
    let answers = futures::future::join_all(all).await;
    let statuses: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().status())
        .collect();
    let won = statuses
        .iter()
        .filter(|status| **status == StatusCode::ACCEPTED)
        .count();
    let lost = statuses
        .iter()
        .filter(|status| **status == StatusCode::PRECONDITION_FAILED)
        .count();
    assert_eq!((won, lost), (1, 15), "{statuses:?}");
}

async fn plan(client: &Client, method: Method, path: &str, body: &Value) -> Plan {
    let path = format!("{path}?dry_run=true");
    let mut request = client.request(method, &path);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = request.send().await.expect("the host answers");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let plan: Plan = answer.json().await.expect("a plan");
    assert!(!plan.done, "{path}");
    plan
}

#[tokio::test]
async fn what_would_be_done_is_told_and_not_done() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let env = json!({ "set": { "COLOUR": "red", "SIZE": "L" } });
    let job: Job = client.send(Method::PATCH, "/apps/shop/env", &env).await;
    assert_eq!(client.finished(&job).await.state, JobState::Succeeded);
    let before = everything(&client).await;

    let scale = json!({ "instances": 0, "memory": "32MiB" });
    let plan_of = plan(&client, Method::PATCH, "/apps/shop", &scale).await;
    assert_eq!(plan_of.removes, ["1 instance"]);
    let changes = [
        "instances: 1 → 0",
        "limits.memory: 64MiB → 32MiB",
        "release 3 is rolled out; release 2 serves until it does",
    ];
    assert_eq!(plan_of.changes, changes);

    let change = json!({ "set": { "COLOUR": "secret", "NEW": "x" }, "unset": ["SIZE"] });
    let plan_of = plan(&client, Method::PATCH, "/apps/shop/env", &change).await;
    assert_eq!(plan_of.removes, ["the variable SIZE"]);
    assert_eq!(
        plan_of.changes[..2],
        [
            "the variable COLOUR gets another value",
            "the variable NEW is set"
        ]
    );
    let stop = "/apps/shop/actions/stop";
    let plan_of = plan(&client, Method::POST, stop, &Value::Null).await;
    assert_eq!(plan_of.removes, ["1 instance"]);
    let start = "/apps/shop/actions/start";
    assert_eq!(
        plan(&client, Method::POST, start, &Value::Null).await,
        Plan::default()
    );
    let plan_of = plan(&client, Method::DELETE, "/apps/shop", &Value::Null).await;
    assert_eq!(plan_of.removes[0], "the app shop");
    let plan_of = plan(&client, Method::PUT, "/roles/router", &Value::Null).await;
    assert!(
        plan_of.changes[0].contains("takes over the role router"),
        "{plan_of:?}"
    );
    let push = json!({ "files": [client.upload("app.wasm", &guest("hello")).await] });
    let plan_of = plan(&client, Method::POST, "/apps/new/pushes", &push).await;
    assert_eq!(plan_of.changes[0], "the app new is made");

    // What cannot be done cannot be planned either.
    let nothing = client.request(Method::POST, "/apps/shop/rollback?dry_run=true");
    refuse(nothing.json(&json!({})), 409, "no-earlier-droplet").await;
    let wrong = client.request(Method::PATCH, "/apps/shop?dry_run=perhaps");
    refuse(wrong.json(&scale), 400, "invalid-query").await;

    assert_eq!(everything(&client).await, before);
    let shop: AppDetail = client.get("/apps/shop").await;
    assert_eq!(shop.app.state, DesiredState::Started);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
}
