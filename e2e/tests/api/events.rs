//! `/events`: whoever follows hears of every change, in order, also after they
//! were away or the host was.

use std::time::Duration;

use futures::StreamExt;
use muster_api::events::{Event, Reset};
use muster_e2e::{Client, Host, guest, push_of, refuse};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

/// How long an event may take to come; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream of events, read one by one.
struct Events {
    response: Response,
    rest: String,
}

impl Events {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the host answers");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            rest: String::new(),
        }
    }

    /// The next event: id, name and data. `None` at the end.
    async fn next(&mut self) -> Option<(u64, String, Value)> {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.rest = rest;
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| {
                        line.strip_prefix(name)?
                            .strip_prefix(": ")
                            .map(str::to_owned)
                    })
                };
                let Some(data) = field("data") else { continue };
                let id = field("id").expect("an id").parse().expect("a revision");
                let data = serde_json::from_str(&data).expect("JSON");
                return Some((id, field("event").expect("a name"), data));
            }
            let part = timeout(PATIENCE, self.response.chunk())
                .await
                .expect("something comes");
            let part = part.expect("the stream does not break off")?;
            self.rest
                .push_str(std::str::from_utf8(&part).expect("text"));
        }
    }

    async fn rest(mut self) -> Vec<(u64, String, Value)> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            all.push(event);
        }
        all
    }
}

fn events(client: &Client, query: &str) -> RequestBuilder {
    client.request(Method::GET, &format!("/events{query}"))
}

async fn all(client: &Client, query: &str) -> Vec<(u64, String, Value)> {
    Events::open(events(client, query)).await.rest().await
}

async fn route(client: &Client, host: &str) -> String {
    let new = json!({ "route": host, "redirect": "/elsewhere" });
    let route: Value = client.send(Method::POST, "/routes", &new).await;
    route["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn changes_are_told_as_they_happen_and_again_to_who_was_away() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let mut following = Events::open(events(&client, "?resource=route")).await;
    let first = route(&client, "a.example").await;
    client.push_component("shop", &guest("hello")).await;
    let (id, name, data) = following.next().await.expect("an event");
    assert_eq!(name, "route.created");
    let event: Event = serde_json::from_value(data).expect("an event");
    assert_eq!((event.revision, event.id.as_str()), (id, first.as_str()));
    let (_, name, _) = following.next().await.expect("an event");
    assert_eq!(name, "route.created", "of the pushed app");
    drop(following);

    // Who comes back goes on, whichever way they say where.
    let removed: Value = client
        .send(Method::DELETE, &format!("/routes/{first}"), &Value::Null)
        .await;
    assert_eq!(removed["done"], true);
    let missed = all(&client, &format!("?follow=false&resource=route&since={id}")).await;
    let names: Vec<_> = missed.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, ["route.created", "route.deleted"]);
    let again = events(&client, "?follow=false&resource=route&since=0")
        .header("last-event-id", id.to_string());
    assert_eq!(Events::open(again).await.rest().await, missed);

    // Everything from the beginning, in order.
    let whole = all(&client, "?follow=false").await;
    assert!(
        whole.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "{whole:?}"
    );
    for kind in ["app.created", "app.updated", "job.created", "job.updated"] {
        assert!(
            whole.iter().any(|(_, name, _)| name == kind),
            "{kind}: {whole:?}"
        );
    }
    assert!(
        all(&client, "?follow=false&resource=nothing")
            .await
            .is_empty()
    );

    // The stream ends with the host, and goes on with the next one.
    let last = whole.last().expect("an event").0;
    let following = Events::open(events(&client, &format!("?since={last}"))).await;
    let (stopped, rest) = tokio::join!(host.stop(), following.rest());
    assert!(stopped.success());
    assert!(rest.iter().all(|(id, _, _)| *id > last));
    host.kill_and_restart();
    host.wait_alive().await;
    let client = host.client().await;
    let id = route(&client, "b.example").await;
    let since = all(
        &client,
        &format!("?follow=false&resource=route&since={last}"),
    )
    .await;
    assert_eq!(since.len(), 1);
    assert_eq!(since[0].2["id"], id.as_str());
}

#[tokio::test]
async fn who_missed_too_much_is_told_to_read_anew() {
    let host = Host::start().await;
    let client = host.client().await;
    route(&client, "a.example").await;
    // A revision that the log never came to, as after a restored backup.
    let mut following = Events::open(events(&client, "?since=1000000")).await;
    let (id, name, data) = following.next().await.expect("an event");
    assert_eq!(name, "reset");
    let reset: Reset = serde_json::from_value(data).expect("a reset");
    assert_eq!(reset.revision, id);
    // From there on it goes on.
    let added = route(&client, "b.example").await;
    let (next, name, data) = following.next().await.expect("an event");
    assert_eq!(
        (name.as_str(), data["id"].as_str()),
        ("route.created", Some(added.as_str()))
    );
    assert_eq!(next, id + 1);
}

/// Somebody who may work on apps of their own projects, and a project of theirs.
async fn owner(host: &Host, admin: &Client, name: &str, project: &str) -> Client {
    const GOOD: &str = "correct horse battery staple 42";
    let new = json!({ "name": name, "type": "developer", "password": GOOD });
    let _: Value = admin.send(Method::POST, "/users", &new).await;
    let client = Client::login_as(&host.url(), host.apps(), name, GOOD).await;
    let made = json!({ "name": project });
    let _: Value = client.send(Method::POST, "/projects", &made).await;
    client
}

/// A redirect in a project, by its id.
async fn redirect(client: &Client, project: &str) -> String {
    let new =
        json!({ "route": format!("{project}.example"), "redirect": "/x", "project": project });
    let route: Value = client.send(Method::POST, "/routes", &new).await;
    route["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn whoever_follows_is_told_of_what_they_may_see() {
    let host = Host::start().await;
    let admin = host.client().await;
    let ada = owner(&host, &admin, "ada", "shop").await;
    let bob = owner(&host, &admin, "bob", "blog").await;
    let mut following = Events::open(events(&ada, "")).await;
    let hidden = redirect(&bob, "blog").await;
    let seen = redirect(&ada, "shop").await;
    let (_, name, data) = following.next().await.expect("an event");
    assert_eq!(
        (name.as_str(), data["id"].as_str()),
        ("route.created", Some(seen.as_str())),
        "the first event is of their own project"
    );

    // What is gone was theirs all the same.
    for (client, route) in [(&bob, &hidden), (&ada, &seen)] {
        let path = format!("/routes/{route}");
        let _: Value = client.send(Method::DELETE, &path, &Value::Null).await;
    }
    let (_, name, data) = following.next().await.expect("an event");
    assert_eq!(
        (name.as_str(), data["id"].as_str()),
        ("route.deleted", Some(seen.as_str()))
    );

    // From the beginning on, nobody hears of others, of users or of settings.
    let told = |whole: &[(u64, String, Value)], id: &str| {
        whole.iter().any(|(_, _, data)| data["id"] == id)
    };
    for (client, own, other) in [(&ada, &seen, &hidden), (&bob, &hidden, &seen)] {
        let whole = all(client, "?follow=false").await;
        assert!(told(&whole, own) && !told(&whole, other), "{whole:?}");
        let kinds: std::collections::BTreeSet<_> = whole
            .iter()
            .map(|(_, _, data)| data["resource"].as_str().unwrap_or_default())
            .collect();
        let own = ["project", "route", "user"];
        assert!(kinds.iter().all(|kind| own.contains(kind)), "{kinds:?}");
        let users = whole
            .iter()
            .filter(|(_, name, _)| name.starts_with("user."));
        let users: std::collections::BTreeSet<_> =
            users.map(|(_, _, data)| data["id"].to_string()).collect();
        assert!(users.len() <= 1, "of themselves alone: {users:?}");
    }
    let whole = all(&admin, "?follow=false").await;
    assert!(told(&whole, &seen) && told(&whole, &hidden), "{whole:?}");

    // Whoever is let into a project hears of it from then on.
    let member = json!({ "role": "viewer" });
    let _: Value = bob
        .send(Method::PUT, "/projects/blog/members/ada", &member)
        .await;
    let added = redirect(&bob, "blog").await;
    loop {
        let (_, _, data) = following.next().await.expect("an event");
        if data["id"] == added.as_str() {
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_access_token_and_goes_on_with_another() {
    let host = Host::start().await;
    let admin = host.client().await;
    let settings = json!({ "access_life": 10_000 });
    let _: Value = admin.send(Method::PUT, "/config/tokens", &settings).await;
    let first = host.client().await;
    let mut following = Events::open(events(&first, "?resource=route")).await;
    let seen = redirect(&first, "admin").await;
    let (last, _, data) = following.next().await.expect("an event");
    assert_eq!(data["id"], seen.as_str());
    assert!(following.next().await.is_none(), "it ends by itself");
    muster_e2e::eventually("the token is refused", async || {
        let answer = events(&first, "?follow=false").send().await;
        let status = answer.expect("the host answers").status();
        (status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;

    let path = format!("/routes/{seen}");
    let second = host.client().await;
    let _: Value = second.send(Method::DELETE, &path, &Value::Null).await;
    let going_on = events(&second, "?resource=route").header("last-event-id", last.to_string());
    let (_, name, _) = Events::open(going_on).await.next().await.expect("an event");
    assert_eq!(name, "route.deleted");
}

#[tokio::test]
async fn clients_are_bounded_and_mistakes_are_told() {
    let host = Host::start().await;
    let client = host.client().await;
    for bad in ["x", "-1", "1.5"] {
        let request = events(&client, "").header("last-event-id", bad);
        refuse(request, 400, "invalid-header").await;
    }
    refuse(events(&client, "?since=x"), 400, "invalid-query").await;
    let open = futures::stream::iter(0..32).then(|_| Events::open(events(&client, "")));
    let open: Vec<_> = open.collect().await;
    refuse(events(&client, ""), 429, "too-many-streams").await;
    drop(open);
    // Places are free again once the host has noticed.
    muster_e2e::eventually("a place is free", async || {
        let answer = events(&client, "").send().await.expect("the host answers");
        (answer.status() == StatusCode::OK).then_some(())
    })
    .await;
    let push = push_of(vec![client.upload("app.wasm", &guest("hello")).await]);
    assert!(client.push("shop", &push).await.problem.is_none());
}
