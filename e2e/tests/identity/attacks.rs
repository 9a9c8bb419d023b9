//! Bodies that are made to hurt: too large, too deep, with fields that are not
//! the caller's to set. And whether the table of attacks names tests that exist.

use std::{fs, path::Path};

use muster_api::{problem::Problem, users::User};
use muster_e2e::{Client, Host, everything, refuse};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// Routes that read JSON, of people who are known and of anybody.
const KNOWN: [(Method, &str); 8] = [
    (Method::POST, "/api/v1/apps/shop/pushes"),
    (Method::PATCH, "/api/v1/apps/shop/env"),
    (Method::POST, "/api/v1/routes"),
    (Method::POST, "/api/v1/users"),
    (Method::POST, "/api/v1/projects"),
    (Method::PUT, "/api/v1/config/passwords"),
    (Method::PUT, "/api/v1/logging"),
    (Method::POST, "/api/v1/blocks/missing"),
];
const PUBLIC: [(Method, &str); 2] = [
    (Method::POST, "/api/v1/sign-ups"),
    (Method::POST, "/api/v1/sign-ups/verification"),
];

/// Sends a body, signed in if that is asked for.
async fn send(client: &Client, method: &Method, path: &str, known: bool, body: &str) -> Response {
    let request = if known {
        client.as_is(method.clone(), path)
    } else {
        client.anonymous(method.clone(), path)
    };
    let request = request.header("content-type", "application/json");
    let answer = request.body(body.to_owned()).send().await;
    answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

async fn is_refused(answer: Response, statuses: &[u16], told: &str) {
    let status = answer.status().as_u16();
    assert!(statuses.contains(&status), "{told}: {status}");
    assert_eq!(
        answer.headers()["content-type"],
        "application/problem+json",
        "{told}"
    );
    let problem: Problem = answer.json().await.expect("a problem");
    assert_eq!(problem.status, status, "{told}");
    assert!(
        !(problem.code.is_empty() || problem.detail.is_empty() && problem.fields.is_empty()),
        "{told}: {problem:?}"
    );
}

fn routes() -> impl Iterator<Item = (Method, &'static str, bool)> {
    let known = KNOWN.into_iter().map(|(method, path)| (method, path, true));
    let public = PUBLIC.into_iter();
    known.chain(public.map(|(method, path)| (method, path, false)))
}

#[tokio::test]
async fn json_that_is_too_large_is_refused_and_the_host_stays_well() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let before = everything(&client).await;
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(33 << 20));
    for (method, path, known) in routes() {
        let answer = send(&client, &method, path, known, &large).await;
        is_refused(answer, &[413], path).await;
    }
    assert_eq!(everything(&client).await, before);
    host.wait_ready().await;
}

#[tokio::test]
async fn json_that_is_nested_too_deeply_is_refused_and_the_host_stays_well() {
    let mut host = Host::start().await;
    let client = host.client().await;
    let before = everything(&client).await;
    let deep = |depth: usize| {
        [
            format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)),
            format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)),
            // Never closed.
            "{\"a\":".repeat(depth),
        ]
    };
    for (method, path, known) in routes() {
        for body in deep(200).into_iter().chain(deep(1_000_000)) {
            let answer = send(&client, &method, path, known, &body).await;
            is_refused(answer, if known { &[400] } else { &[400, 413] }, path).await;
        }
        // Brackets in a text are no depth.
        let text = json!({ "no-such-field": "[{".repeat(10_000) }).to_string();
        let answer = send(&client, &method, path, known, &text).await;
        is_refused(answer, &[404, 409, 422], path).await;
    }
    assert_eq!(everything(&client).await, before);
    host.wait_ready().await;
}

#[tokio::test]
async fn fields_that_are_not_the_callers_to_set_are_refused() {
    let host = Host::start().await;
    let client = host.client().await;
    let new = json!({ "name": "ada", "type": "developer", "password": "correct horse battery staple 42" });
    let ada: User = client.send(Method::POST, "/users", &new).await;
    for (method, path, good, fields) in [
        (
            Method::PATCH,
            "/users/ada",
            json!({ "display_name": "Ada" }),
            &[
                "id",
                "state",
                "email_verified",
                "created_at",
                "password",
                "password_hash",
            ][..],
        ),
        (
            Method::POST,
            "/projects",
            json!({ "name": "shop" }),
            &["id", "personal", "state", "created_at"],
        ),
        (
            Method::POST,
            "/routes",
            json!({ "route": "a.example", "redirect": "/x" }),
            &["id", "project_id", "targets"],
        ),
        (
            Method::POST,
            "/self/keys",
            json!({ "name": "script" }),
            &["id", "secret", "user", "internal", "last_used_at"],
        ),
        (
            Method::PUT,
            "/self/password",
            json!({ "current": "a", "new": "b" }),
            &["user", "id", "name"],
        ),
    ] {
        for field in fields {
            let mut body = good.clone();
            body[field] = Value::Null;
            let request = client.request(method.clone(), path).json(&body);
            let problem = refuse(request, 422, "invalid-request").await;
            assert!(
                problem.detail.contains(field),
                "{path} {field}: {problem:?}"
            );
        }
    }
    let now: User = client.get("/users/ada").await;
    assert_eq!(now, ada);
    let projects: Value = client.get("/projects").await;
    assert!(!projects.to_string().contains("\"shop\""), "{projects}");
}

/// The lines of the table: attack, file, test.
fn table() -> Vec<(String, String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(page).expect("the table can be read");
    let (_, text) = text.split_once("## Attacks").expect("its heading");
    let lines = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    lines
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [attack, file, test] = cells.as_slice() else {
                panic!("a line has three cells: {line}");
            };
            let plain = |text: &str| text.trim_matches('`').to_owned();
            (plain(attack), plain(file), plain(test))
        })
        .collect()
}

#[test]
fn each_attack_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let table = table();
    assert!(table.len() >= 20, "{table:?}");
    for (attack, file, test) in table {
        let text = fs::read_to_string(root.join(&file));
        let text = text.unwrap_or_else(|error| panic!("{attack}: {file}: {error}"));
        assert!(
            text.contains(&format!("fn {test}(")),
            "{attack}: {file} has no test {test}"
        );
    }
}
