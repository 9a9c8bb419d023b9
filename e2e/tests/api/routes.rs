//! `/routes`: which host names and paths reach which apps.

use muster_api::{
    page::Page,
    plan::Plan,
    routes::{Route, RouteAction},
};
use muster_e2e::{Case, Client, Host, eventually, everything, guest, push_of, refuse, refuse_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn add(client: &Client, new: Value) -> Route {
    let reply = client
        .request(Method::POST, "/routes")
        .json(&new)
        .send()
        .await
        .expect("the host answers");
    assert_eq!(reply.status(), StatusCode::CREATED, "{new}");
    reply.json().await.expect("JSON")
}

async fn list(client: &Client) -> Vec<Route> {
    let page: Page<Route> = client.get("/routes").await;
    assert_eq!(page.next, None);
    page.items
}

async fn remove(client: &Client, route: &Route, query: &str) -> Plan {
    let path = format!("/routes/{}{query}", route.id);
    client.send(Method::DELETE, &path, &Value::Null).await
}

/// Apps that never run: routes need no more.
async fn apps(client: &Client, names: &[&str]) {
    let file = client.upload("note.txt", b"just words").await;
    for name in names {
        client.push(name, &push_of(vec![file.clone()])).await;
    }
}

fn targets(route: &Route) -> Vec<(&str, u32)> {
    let RouteAction::Forward { targets } = &route.action else {
        panic!("{route:?}");
    };
    targets
        .iter()
        .map(|target| (target.app.as_str(), target.weight))
        .collect()
}

#[tokio::test]
async fn routes_are_added_changed_and_removed() {
    let host = Host::start().await;
    let client = host.client().await;
    let port = host.apps().port();
    apps(&client, &["shop", "next"]).await;

    let route = add(&client, json!({ "route": "Shop.Test/a/b/", "app": "shop" })).await;
    assert_eq!(
        (route.host.as_str(), route.path.as_str()),
        ("shop.test", "/a/b")
    );
    assert_eq!(route.url, Some(format!("http://shop.test:{port}/a/b")));
    assert_eq!(
        (targets(&route), route.sticky),
        (vec![("shop", 100)], false)
    );

    // One more app, and then another share; the route stays the same one.
    let more = add(
        &client,
        json!({ "route": "shop.test/a/b", "app": "next", "weight": 5, "sticky": true }),
    )
    .await;
    assert_eq!((more.id, more.sticky), (route.id, true));
    let mut shares = targets(&more);
    shares.sort_unstable();
    assert_eq!(shares, [("next", 5), ("shop", 100)]);
    let less = add(
        &client,
        json!({ "route": "shop.test/a/b", "app": "next", "weight": 0 }),
    )
    .await;
    assert!(less.sticky, "what is not said stays");
    assert!(targets(&less).contains(&("next", 0)));
    let loose = add(
        &client,
        json!({ "route": "shop.test/a/b", "app": "next", "weight": 0, "sticky": false }),
    )
    .await;
    assert!(!loose.sticky);
    assert_eq!(list(&client).await, [loose]);

    let before = everything(&client).await;
    let plan = remove(&client, &route, "?app=next&dry_run=true").await;
    assert_eq!(
        (plan.removes.clone(), plan.done),
        (
            vec!["the share of next in the route shop.test/a/b".to_owned()],
            false
        )
    );
    assert_eq!(everything(&client).await, before);
    assert_eq!(
        remove(&client, &route, "?app=next").await,
        Plan { done: true, ..plan }
    );
    assert_eq!(targets(&list(&client).await[0]), [("shop", 100)]);
    // The last share takes the route along.
    remove(&client, &route, "?app=shop").await;
    assert_eq!(list(&client).await, []);

    let all = add(&client, json!({ "route": "*", "app": "shop" })).await;
    let below = add(&client, json!({ "route": "*.Test", "app": "shop" })).await;
    assert_eq!(
        (all.host.as_str(), &all.url, below.host.as_str(), &below.url),
        ("*", &None, "*.test", &None)
    );
    let before = everything(&client).await;
    let plan = remove(&client, &all, "?dry_run=true").await;
    assert_eq!(
        (plan.removes.clone(), plan.done),
        (vec!["the route */ to 1 app".to_owned()], false)
    );
    assert_eq!(everything(&client).await, before);
    assert!(remove(&client, &all, "").await.done);
    assert_eq!(list(&client).await, [below]);
}

#[tokio::test]
async fn redirects_are_added_and_changed() {
    let host = Host::start().await;
    let client = host.client().await;
    let route = add(
        &client,
        json!({ "route": "old.test", "redirect": "https://new.test/" }),
    )
    .await;
    let redirect = |location: &str, status, keep_path| RouteAction::Redirect {
        location: location.to_owned(),
        status,
        keep_path,
    };
    assert_eq!(route.action, redirect("https://new.test/", 308, false));
    for status in [301, 302, 303, 307, 308] {
        let new = json!({ "route": "old.test", "redirect": "/here", "status": status, "keep_path": true });
        let changed = add(&client, new).await;
        assert_eq!(
            (changed.id, &changed.action),
            (route.id, &redirect("/here", status, true))
        );
    }
    assert_eq!(list(&client).await.len(), 1);
    remove(&client, &route, "").await;
    assert_eq!(list(&client).await, []);
}

#[tokio::test]
async fn only_a_routes_own_apps_can_be_taken_from_it() {
    let host = Host::start().await;
    let client = host.client().await;
    apps(&client, &["shop", "other"]).await;
    let redirect = add(&client, json!({ "route": "old.test", "redirect": "/new" })).await;
    let forward = add(&client, json!({ "route": "shop.test", "app": "shop" })).await;
    let mut cases = Vec::new();
    for (route, app) in [(&forward, "other"), (&redirect, "shop")] {
        for query in ["", "&dry_run=true"] {
            let path = format!("/routes/{}?app={app}{query}", route.id);
            cases.push(Case::new(
                Method::DELETE,
                path,
                Value::Null,
                404,
                "target-not-found",
            ));
        }
    }
    refuse_all(&client, cases).await;
}

#[tokio::test]
async fn what_is_no_route_is_refused_and_changes_nothing() {
    let host = Host::start().await;
    let client = host.client().await;
    apps(&client, &["shop"]).await;
    let redirect = add(&client, json!({ "route": "old.test", "redirect": "/new" })).await;
    let forward = add(&client, json!({ "route": "shop.test", "app": "shop" })).await;

    let mut cases = Vec::new();
    for route in [
        "",
        "/",
        "/a",
        "http://shop.test",
        "shop.test:80",
        "shop..test",
        "-shop.test",
        "shop.test-",
        "a b",
        "*shop.test",
        "shop.*",
        "**",
        "*.*.test",
        "shop.test/../a",
        "shop.test/a//b",
        "shop.test/a?b",
        "shop.test/a#b",
        "shop.test/*",
        "shop.test/a\\b",
        "shop.test/a\nb",
        "shöp.test",
        "shop.test\r\nX: y",
        &"a".repeat(64),
        &"a.".repeat(130),
    ] {
        let body = json!({ "route": route, "app": "shop" });
        cases.push(Case::field(Method::POST, "/routes", body, "route"));
    }
    for (body, field) in [
        (json!({}), "route"),
        (json!({ "route": "a.test" }), "app"),
        (
            json!({ "route": "a.test", "app": "shop", "redirect": "/b" }),
            "app",
        ),
        (
            json!({ "route": "a.test", "app": "shop", "weight": 1001 }),
            "weight",
        ),
        (
            json!({ "route": "a.test", "redirect": "/b", "status": 200 }),
            "status",
        ),
        (
            json!({ "route": "a.test", "redirect": "/b", "status": 304 }),
            "status",
        ),
        (json!({ "route": "a.test", "redirect": "" }), "redirect"),
        (json!({ "route": "a.test", "redirect": "b" }), "redirect"),
        (
            json!({ "route": "a.test", "redirect": "javascript:alert(1)" }),
            "redirect",
        ),
        (
            json!({ "route": "a.test", "redirect": "ftp://b.test" }),
            "redirect",
        ),
        (
            json!({ "route": "a.test", "redirect": "/b\r\nset-cookie: c=d" }),
            "redirect",
        ),
        (
            json!({ "route": "a.test", "redirect": "https://" }),
            "redirect",
        ),
    ] {
        cases.push(Case::field(Method::POST, "/routes", body, field));
    }
    for body in [
        json!({ "route": 1, "app": "shop" }),
        json!({ "route": "a.test", "app": "shop", "weight": -1 }),
        json!({ "route": "a.test", "app": "shop", "weight": 0.5 }),
        json!({ "route": "a.test", "app": "shop", "weight": "all" }),
        json!({ "route": "a.test", "app": "shop", "sticky": "yes" }),
        json!({ "route": "a.test", "redirect": "/b", "status": 70_000 }),
        json!({ "host": "a.test", "app": "shop" }),
        json!({ "route": "a.test", "app": "shop", "stick": true }),
    ] {
        cases.push(Case::new(
            Method::POST,
            "/routes",
            body,
            422,
            "invalid-request",
        ));
    }
    for (body, status, code) in [
        (
            json!({ "route": "a.test", "app": "nobody" }),
            404,
            "app-not-found",
        ),
        (
            json!({ "route": "old.test", "app": "shop" }),
            409,
            "route-taken",
        ),
        (
            json!({ "route": "SHOP.test/", "redirect": "/b" }),
            409,
            "route-taken",
        ),
    ] {
        cases.push(Case::new(Method::POST, "/routes", body, status, code));
    }
    let some = "0199d1a2-0000-7000-8000-000000000000";
    for (path, status, code) in [
        (format!("/routes/{some}"), 404, "route-not-found"),
        (
            format!("/routes/{some}?dry_run=true"),
            404,
            "route-not-found",
        ),
        ("/routes/shop.test".to_owned(), 404, "no-such-thing"),
        (
            format!("/routes/{}?app=nobody", forward.id),
            404,
            "app-not-found",
        ),
        (
            format!("/routes/{}?dry_run=perhaps", redirect.id),
            400,
            "invalid-query",
        ),
    ] {
        cases.push(Case::new(Method::DELETE, path, Value::Null, status, code));
    }
    refuse_all(&client, cases).await;
}

#[tokio::test]
async fn what_a_kind_of_route_has_no_use_for_is_refused() {
    let host = Host::start().await;
    let client = host.client().await;
    apps(&client, &["shop"]).await;
    let cases = [
        (
            json!({ "route": "a.test", "app": "shop", "status": 302 }),
            "status",
        ),
        (
            json!({ "route": "a.test", "app": "shop", "keep_path": true }),
            "keep_path",
        ),
        (
            json!({ "route": "a.test", "redirect": "/b", "weight": 5 }),
            "weight",
        ),
        (
            json!({ "route": "a.test", "redirect": "/b", "sticky": true }),
            "sticky",
        ),
    ];
    let case = |(body, field)| Case::field(Method::POST, "/routes", body, field);
    refuse_all(&client, cases.map(case).into()).await;
}

#[tokio::test]
async fn routes_come_in_pages_by_host_and_path() {
    let host = Host::start().await;
    let client = host.client().await;
    let names = [
        "*.b.test",
        "a.test",
        "a.test/x",
        "a.test/x-y",
        "a.test/x/y",
        "b.test",
    ];
    for name in names.iter().rev() {
        add(&client, json!({ "route": name, "redirect": "/" })).await;
    }
    for limit in 1..=names.len() {
        let mut found = Vec::new();
        let mut path = format!("/routes?limit={limit}");
        loop {
            let page: Page<Route> = client.get(&path).await;
            assert!(page.items.len() <= limit);
            let name = |route: Route| format!("{}{}", route.host, route.path);
            found.extend(page.items.into_iter().map(name));
            assert!(found.len() <= names.len(), "{found:?}");
            let Some(next) = page.next else { break };
            let next = next.replace('*', "%2A").replace('/', "%2F");
            path = format!("/routes?limit={limit}&cursor={next}");
        }
        let named: Vec<_> = found
            .iter()
            .map(|name| name.trim_end_matches('/'))
            .collect();
        assert_eq!(named, names, "limit {limit}");
    }
    let list = |query: &str| Case {
        field: Some("limit"),
        ..Case::new(
            Method::GET,
            format!("/routes?{query}"),
            Value::Null,
            422,
            "invalid-request",
        )
    };
    let bad = Case::new(
        Method::GET,
        "/routes?limit=few",
        Value::Null,
        400,
        "invalid-query",
    );
    refuse_all(&client, vec![list("limit=0"), list("limit=501"), bad]).await;
}

#[tokio::test]
async fn the_data_path_follows() {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("shop", &guest("hello")).await;
    let follows = async |wanted: StatusCode| {
        eventually(&format!("new.test answers {wanted}"), async || {
            (client.ask("new.test", "/").await.0 == wanted).then_some(())
        })
        .await;
    };
    assert_eq!(client.ask("new.test", "/").await.0, StatusCode::NOT_FOUND);
    let route = add(&client, json!({ "route": "new.test", "app": "shop" })).await;
    follows(StatusCode::OK).await;
    remove(&client, &route, "").await;
    follows(StatusCode::NOT_FOUND).await;
}

#[tokio::test]
async fn a_host_name_belongs_to_one_project() {
    let host = Host::start().await;
    let client = host.client().await;
    let redirect = |route: &str| json!({ "route": route, "redirect": "/elsewhere" });
    let mut people = Vec::new();
    for name in ["ada", "carl"] {
        let password = "correct horse battery staple 42";
        let new = json!({ "name": name, "type": "developer", "password": password });
        let _: serde_json::Value = client.send(Method::POST, "/users", &new).await;
        people.push(Client::login_as(&host.url(), host.apps(), name, password).await);
    }
    let [ada, carl] = &people[..] else {
        panic!("there are two")
    };
    for route in ["shop.localhost", "shop.test/till", "*.many.test"] {
        add(ada, redirect(route)).await;
    }
    let before = everything(&client).await;
    let mut cases = Vec::new();
    for (route, code) in [
        ("shop.localhost/admin", "host-of-another-project"),
        ("SHOP.localhost/x", "host-of-another-project"),
        ("shop.test", "host-of-another-project"),
        ("x.many.test", "host-of-another-project"),
        ("*.test", "host-of-another-project"),
        ("*", "host-reserved"),
        ("*.localhost", "host-reserved"),
        ("localhost", "host-reserved"),
        ("127.77.0.1/x", "host-reserved"),
    ] {
        let request = carl.request(Method::POST, "/routes");
        refuse(request.json(&redirect(route)), 409, code).await;
        let push = json!({ "files": [], "routes": [route] });
        cases.push((push, code));
    }
    assert_eq!(everything(&client).await["routes"], before["routes"]);

    // Nor by a push: with a route that it names, or the one that it would get.
    let file = carl.upload("app.wasm", b"any").await;
    for (mut push, code) in cases {
        push["files"] = json!([file]);
        let request = carl.request(Method::POST, "/apps/app/pushes").json(&push);
        refuse(request, 409, code).await;
    }
    let push = carl.request(Method::POST, "/apps/shop/pushes");
    let push = push.json(&json!({ "files": [file] }));
    refuse(push, 409, "host-of-another-project").await;
    let none: Page<Route> = carl.get("/routes").await;
    assert!(none.items.is_empty(), "{none:?}");

    // Its own project, and who looks after all of them, go on.
    add(ada, redirect("shop.localhost/admin")).await;
    add(carl, redirect("other.test")).await;
    add(&client, redirect("shop.test/from-the-operator")).await;
    add(&client, redirect("localhost")).await;
}
