//! What a request may use: memory, CPU time, time, and places beside others. A
//! guest goes over each; the client is told, the log says why, and the app next
//! door notices nothing.

use futures::future::join_all;
use muster_api::{
    pushes::LimitsChange,
    units::{ByteSize, Millis},
};
use muster_e2e::{
    Client, Failure, beside, eventually, guest, host_with_neighbour, push_limited, unharmed,
};
use reqwest::{Method, StatusCode};
use tokio::task::JoinHandle;

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn memory_ends_where_the_limit_says() {
    let (_host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        memory: Some(ByteSize(16 * MIB)),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;

    let failure = Failure {
        status: 503,
        code: "limit-memory",
        told: "limit memory: the request needed more than 16777216 bytes",
    };
    failure.of(&client, "hostile", "/oom").await;
    unharmed(&client, "hostile").await;

    // Who can do with less is told so and goes on.
    let (status, body) = client.ask("hostile.localhost", "/hog").await;
    let got = body
        .strip_prefix("denied after ")
        .and_then(|rest| rest.strip_suffix(" MiB\n"))
        .and_then(|count| count.parse::<u64>().ok());
    assert_eq!(status, StatusCode::OK);
    assert!(
        got.is_some_and(|got| (8..16).contains(&got)),
        "the guest should get its share and no more: {body}"
    );
}

#[tokio::test]
async fn memories_and_tables_count_together() {
    let (_host, client) = host_with_neighbour().await;
    // Each part alone stays far below the limit. To be denied is to trap.
    let grow = |kind: &str, how: &str| {
        format!("(if (i32.eq ({kind}.grow $N {how}) (i32.const -1)) (then unreachable))")
    };
    let memories = component(
        &each(4, "(memory $N 1)"),
        &each(4, &grow("memory", "(i32.const 48)")),
    );
    let tables = component(
        &each(6, "(table $N 0 funcref)"),
        &each(6, &grow("table", "(ref.null func) (i32.const 90000)")),
    );
    let at_once = component(&each(4, "(memory $N 48)"), "");
    for (app, wasm, little, enough) in [
        ("memories", memories, 8, 16),
        ("tables", tables, 2, 8),
        ("at-once", at_once, 8, 16),
    ] {
        let limit = |mebibytes| LimitsChange {
            memory: Some(ByteSize(mebibytes * MIB)),
            ..LimitsChange::default()
        };
        push_limited(&client, app, &wasm, limit(little)).await;
        let denied = Failure {
            status: 503,
            code: "limit-memory",
            told: "limit memory",
        };
        denied.of(&client, app, "/").await;
        // With room for all of them, the guest goes on to its end.
        push_limited(&client, app, &wasm, limit(enough)).await;
        let ended = Failure {
            status: 502,
            code: "app-no-response",
            told: "no response",
        };
        ended.of(&client, app, "/").await;
    }
}

/// A component with these memories and tables, whose `handle` runs these
/// instructions and then ends without an answer.
fn component(parts: &str, instructions: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "wasi:http/types@0.2.0" (instance $types
                (export "incoming-request" (type (sub resource)))
                (export "response-outparam" (type (sub resource)))))
            (alias export $types "incoming-request" (type $request))
            (alias export $types "response-outparam" (type $out))
            (core module $module
                {parts}
                (func (export "handle") (param i32 i32) {instructions}))
            (core instance $guest (instantiate $module))
            (func $handle (param "request" (own $request)) (param "response-out" (own $out))
                (canon lift (core func $guest "handle")))
            (instance $handler (export "handle" (func $handle)))
            (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#
    );
    wat::parse_str(text).expect("this is a component")
}

/// Repeats a text with `N` replaced by 0, 1, …
fn each(count: u32, text: &str) -> String {
    (0..count)
        .map(|number| text.replace("$N", &format!("${number}")))
        .collect()
}

#[tokio::test]
async fn guests_that_spin_on_all_cores_end_and_let_others_be_served() {
    let (_host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        cpu: Some(Millis(1_000)),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;

    let spin = || client.app(Method::GET, "hostile.localhost", "/spin").send();
    let (responses, answers) = beside(&client, join_all((0..8).map(|_| spin()))).await;
    let failure = Failure {
        status: 504,
        code: "limit-cpu",
        told: "limit cpu: the request took more than 1000 ms of CPU time",
    };
    for response in responses {
        let response = response.expect("the data path answers");
        assert_eq!(response.status().as_u16(), failure.status);
    }
    // As often as the neighbour was answered, the guests had to pause for it.
    assert!(answers >= 8, "{answers} answers next door");
    failure.of(&client, "hostile", "/spin").await;
    unharmed(&client, "hostile").await;
}

#[tokio::test]
async fn time_ends_where_the_limit_says() {
    let (_host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        time: Some(Millis(300)),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;
    let failure = Failure {
        status: 504,
        code: "limit-time",
        told: "limit time: the request took longer than 300 ms",
    };
    failure.of(&client, "hostile", "/sleep?ms=600000").await;
    // Who computes runs out of time as well, here long before CPU time.
    failure.of(&client, "hostile", "/spin").await;
    unharmed(&client, "hostile").await;
}

#[tokio::test]
async fn no_more_requests_at_once_than_the_limit_says() {
    let (_host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        concurrency: Some(2),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;
    let third = async || {
        let request = client.app(Method::GET, "hostile.localhost", "/count");
        request.send().await.expect("the data path answers")
    };
    let full = async || {
        let response = third().await;
        (response.status() != StatusCode::OK).then_some(response)
    };

    let held = [hold(&client, 3_000), hold(&client, 3_000)];
    let response = eventually("a refusal", full).await;
    let failure = Failure {
        status: 503,
        code: "limit-concurrency",
        told: "limit concurrency: the instance serves 2 requests already",
    };
    failure.seen(&client, "hostile", response).await;
    for request in held {
        assert_eq!(request.await.expect("the task ends"), "slept\n");
    }
    unharmed(&client, "hostile").await;

    // A client that leaves gives its place back.
    let held = [hold(&client, 600_000), hold(&client, 600_000)];
    eventually("a refusal", full).await;
    for request in held {
        request.abort();
    }
    eventually("a free place", async || {
        (third().await.status() == StatusCode::OK).then_some(())
    })
    .await;
}

/// Takes one of an instance's places for so long, as soon as there is one.
fn hold(client: &Client, millis: u32) -> JoinHandle<String> {
    let client = client.clone();
    tokio::spawn(async move {
        eventually("a place", async || {
            let path = format!("/sleep?ms={millis}");
            let (status, body) = client.ask("hostile.localhost", &path).await;
            (status == StatusCode::OK).then_some(body)
        })
        .await
    })
}
