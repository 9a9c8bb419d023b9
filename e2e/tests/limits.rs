//! Every limit, with a guest that goes over it: what the client gets, what the
//! app's log says, and that the app next door notices nothing.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures::{
    future::{join, join_all},
    stream,
};
use muster_api::{
    logs::LogSource,
    pushes::{LimitsChange, Push, SettingsChange},
    units::{ByteSize, Millis},
};
use muster_e2e::{Client, Host, guest, logged, push_of, raw, refused};
use reqwest::{Body, Method, Response, StatusCode};

const MIB: u64 = 1 << 20;

/// A host with a well-behaved app, `hello`.
async fn host() -> (Host, Client) {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component("hello", &guest("hello")).await;
    (host, client)
}

/// Pushes a component with these limits.
async fn push(client: &Client, app: &str, wasm: &[u8], limits: LimitsChange) {
    let push = Push {
        settings: SettingsChange {
            limits,
            ..SettingsChange::default()
        },
        ..push_of(vec![client.upload("app.wasm", wasm).await])
    };
    let job = client.push(app, &push).await;
    assert!(job.problem.is_none(), "{app}: {:?}", job.problem);
}

async fn push_hostile(client: &Client, limits: LimitsChange) {
    push(client, "hostile", &guest("hostile"), limits).await;
}

/// Asks a guest for trouble, while the app next door has to answer all the
/// time. Its answers must be right; says how many there were.
async fn beside<T>(client: &Client, trouble: impl Future<Output = T>) -> (T, u32) {
    let over = Cell::new(false);
    let trouble = async {
        let outcome = trouble.await;
        over.set(true);
        outcome
    };
    let neighbour = async {
        let mut answers = 0;
        while !over.get() {
            let answer = client.ask("hello.localhost", "/").await;
            assert_eq!(answer, (StatusCode::OK, "Hello from Muster!\n".to_owned()));
            answers += 1;
        }
        answers
    };
    join(trouble, neighbour).await
}

/// Has the guest go over a limit: the client must get status and code, the log
/// must name the app and say why. The neighbour must have been answered.
async fn over(client: &Client, app: &str, path: &str, status: u16, code: &str, told: &str) {
    let request = client.app(Method::GET, &format!("{app}.localhost"), path);
    let (response, answers) = beside(client, request.send()).await;
    assert!(answers > 0, "the neighbour was not asked");
    let response = response.expect("the data path answers");
    over_with(client, app, response, status, code, told).await;
}

/// The same for a request that was sent.
async fn over_with(
    client: &Client,
    app: &str,
    response: Response,
    status: u16,
    code: &str,
    told: &str,
) {
    let again = response.headers().get("retry-after").cloned();
    let problem = refused(response, status, code).await;
    assert_eq!(again.is_some(), status == 503, "{again:?}");
    let line = logged(client, app, LogSource::Platform, &[app, told]).await;
    assert_eq!(line.request, problem.request_id, "{line:?}");
}

/// Whether the app answers at all.
async fn works(client: &Client, app: &str) {
    let (status, body) = client.ask(&format!("{app}.localhost"), "/count").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "1\n"));
}

#[tokio::test]
async fn memory_ends_where_the_limit_says() {
    let (_host, client) = host().await;
    let limits = LimitsChange {
        memory: Some(ByteSize(16 * MIB)),
        ..LimitsChange::default()
    };
    push_hostile(&client, limits).await;

    let told = "limit memory: the request needed more than 16777216 bytes";
    over(&client, "hostile", "/oom", 503, "limit-memory", told).await;
    works(&client, "hostile").await;

    // Who can do with less is told so and goes on.
    let (status, body) = client.ask("hostile.localhost", "/hog").await;
    let got = body
        .strip_prefix("denied after ")
        .and_then(|rest| rest.strip_suffix(" MiB\n"))
        .and_then(|count| count.parse::<u64>().ok());
    assert_eq!(status, StatusCode::OK);
    assert!(
        got.is_some_and(|got| (8..16).contains(&got)),
        "the guest got its share and no more: {body}"
    );
}

/// A component whose `handle` runs these instructions and then ends without an
/// answer, with these memories and tables.
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
        .map(|number| text.replace('N', &number.to_string()))
        .collect()
}

#[tokio::test]
async fn memories_and_tables_count_together() {
    let (_host, client) = host().await;
    let limit = |mebibytes| LimitsChange {
        memory: Some(ByteSize(mebibytes * MIB)),
        ..LimitsChange::default()
    };
    // Each of them alone is far below the limit; to be denied is to trap.
    let grow = "(if (i32.eq (KIND.grow $N HOW) (i32.const -1)) (then unreachable))";
    let memories = component(
        &each(4, "(memory $N 1)"),
        &each(
            4,
            &grow
                .replace("KIND", "memory")
                .replace("HOW", "(i32.const 48)"),
        ),
    );
    let tables = component(
        &each(6, "(table $N 0 funcref)"),
        &each(
            6,
            &grow
                .replace("KIND", "table")
                .replace("HOW", "(ref.null func) (i32.const 90000)"),
        ),
    );
    let at_once = component(&each(4, "(memory $N 48)"), "");
    for (app, wasm, little, enough) in [
        ("memories", memories, 8, 16),
        ("tables", tables, 2, 8),
        ("at-once", at_once, 8, 16),
    ] {
        push(&client, app, &wasm, limit(little)).await;
        over(&client, app, "/", 503, "limit-memory", "limit memory").await;
        // With room for all of them, the guest goes on to its end.
        push(&client, app, &wasm, limit(enough)).await;
        over(&client, app, "/", 502, "app-no-response", "no response").await;
    }
}

#[tokio::test]
async fn guests_that_spin_on_all_cores_end_and_let_others_be_served() {
    let (_host, client) = host().await;
    let limits = LimitsChange {
        cpu: Some(Millis(1_000)),
        ..LimitsChange::default()
    };
    push_hostile(&client, limits).await;

    let first = Cell::new(None);
    let began = Instant::now();
    let spin = async || {
        let response = client.app(Method::GET, "hostile.localhost", "/spin").send();
        let response = response.await.expect("the data path answers");
        first.set(first.get().or(Some(began.elapsed())));
        response
    };
    let (responses, answers) = beside(&client, join_all((0..8).map(|_| spin()))).await;
    let told = "limit cpu: the request took more than 1000 ms of CPU time";
    for response in responses {
        over_with(&client, "hostile", response, 504, "limit-cpu", told).await;
    }
    // As often as the neighbour was answered, the guests had to pause for it.
    assert!(
        answers >= 8,
        "{answers} answers next door, the first guest ended after {:?}",
        first.get()
    );
    works(&client, "hostile").await;
}

#[tokio::test]
async fn time_ends_where_the_limit_says() {
    let (_host, client) = host().await;
    let limits = LimitsChange {
        time: Some(Millis(300)),
        ..LimitsChange::default()
    };
    push_hostile(&client, limits).await;
    let told = "limit time: the request took longer than 300 ms";
    let path = "/sleep?ms=600000";
    over(&client, "hostile", path, 504, "limit-time", told).await;
    // Computing takes time too, long before it takes the CPU limit's.
    over(&client, "hostile", "/spin", 504, "limit-time", told).await;
    works(&client, "hostile").await;
}

#[tokio::test]
async fn no_more_requests_at_once_than_the_limit_says() {
    let (_host, client) = host().await;
    let limits = LimitsChange {
        concurrency: Some(2),
        ..LimitsChange::default()
    };
    push_hostile(&client, limits).await;

    let hold = |millis: u32| {
        let request = client.app(
            Method::GET,
            "hostile.localhost",
            &format!("/sleep?ms={millis}"),
        );
        tokio::spawn(request.send())
    };
    let third = async || {
        let request = client.app(Method::GET, "hostile.localhost", "/count");
        request.send().await.expect("the data path answers")
    };
    let told = "limit concurrency: the instance serves 2 requests already";

    let held = [hold(3_000), hold(3_000)];
    let mut response = third().await;
    while response.status() == StatusCode::OK {
        response = third().await;
    }
    over_with(
        &client,
        "hostile",
        response,
        503,
        "limit-concurrency",
        told,
    )
    .await;
    for request in held {
        let response = request.await.expect("the task ends");
        let response = response.expect("the data path answers");
        assert_eq!(response.text().await.expect("a body"), "slept\n");
    }
    works(&client, "hostile").await;

    // A client that leaves frees its place.
    let held = [hold(600_000), hold(600_000)];
    while third().await.status() == StatusCode::OK {}
    for request in held {
        request.abort();
    }
    while third().await.status() != StatusCode::OK {}
}

#[tokio::test]
async fn requests_are_as_large_as_the_limits_say() {
    let (host, client) = host().await;
    let limits = LimitsChange {
        request_headers: Some(ByteSize(1 << 10)),
        request_body: Some(ByteSize(MIB)),
        ..LimitsChange::default()
    };
    push_hostile(&client, limits).await;

    let head = |bytes: usize| {
        let request = client.app(Method::GET, "hostile.localhost", "/count");
        request.header("x-long", "x".repeat(bytes))
    };
    let (response, _) = beside(&client, head(1 << 10).send()).await;
    let response = response.expect("the data path answers");
    let told = "limit request-headers: request line and headers have";
    over_with(
        &client,
        "hostile",
        response,
        431,
        "limit-request-headers",
        told,
    )
    .await;
    let response = head(512).send().await.expect("the data path answers");
    assert_eq!(response.status(), StatusCode::OK);
    let path = format!("/count?{}", "x".repeat(1 << 10));
    let code = "limit-request-headers";
    over(&client, "hostile", &path, 431, code, told).await;
    // What no app could ever want is not even read.
    let endless = head(200 << 10).send().await;
    let endless = endless.expect("the data path answers");
    assert_eq!(endless.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);

    let told = "limit request-body: the request body has more than the allowed 1048576 bytes";
    let upload = |body: Body| {
        let request = client.app(Method::POST, "hostile.localhost", "/upload");
        request.body(body).send()
    };
    for body in [Body::from(vec![b'x'; 2 << 20]), chunked(32)] {
        let (response, _) = beside(&client, upload(body)).await;
        let response = response.expect("the data path answers");
        over_with(
            &client,
            "hostile",
            response,
            413,
            "limit-request-body",
            told,
        )
        .await;
    }
    for body in [Body::from(vec![b'x'; 1 << 20]), chunked(16)] {
        let response = upload(body).await.expect("the data path answers");
        assert_eq!(response.text().await.expect("a body"), "1048576\n");
    }
    // A length that is too large is refused before any of it is sent.
    let announced = raw(
        host.apps(),
        b"POST /upload HTTP/1.1\r\nHost: hostile.localhost\r\nContent-Length: 1048577\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    works(&client, "hostile").await;
}

/// A body of so many chunks of 64 KiB that does not say how long it is.
fn chunked(count: usize) -> Body {
    let chunk = || Ok::<_, std::io::Error>(vec![b'x'; 64 << 10]);
    Body::wrap_stream(stream::iter((0..count).map(move |_| chunk())))
}

#[tokio::test]
async fn responses_are_as_large_as_the_limits_say() {
    let (_host, client) = host().await;
    let limits = LimitsChange {
        response_headers: Some(ByteSize(4 << 10)),
        response_body: Some(ByteSize(MIB)),
        ..LimitsChange::default()
    };
    push_hostile(&client, limits).await;

    let told = "limit response-headers: the response headers have";
    let code = "limit-response-headers";
    let path = "/big-headers?bytes=5000";
    over(&client, "hostile", path, 502, code, told).await;
    let few = client.ask("hostile.localhost", "/big-headers?bytes=2000");
    assert_eq!(few.await.0, StatusCode::OK);

    let told = "limit response-body: the response body has more than the allowed 1048576 bytes";
    let (received, whole) = beside(&client, body_of(&client, "/big-body?bytes=9000000"))
        .await
        .0;
    assert!(!whole && received <= MIB, "{received} bytes, {whole}");
    logged(&client, "hostile", LogSource::Platform, &["hostile", told]).await;
    let exact = body_of(&client, "/big-body?bytes=1048576").await;
    assert_eq!(exact, (MIB, true));
}

/// Reads an answer's body: how many bytes came, and whether they were all.
async fn body_of(client: &Client, path: &str) -> (u64, bool) {
    let request = client.app(Method::GET, "hostile.localhost", path);
    let mut response = request.send().await.expect("the data path answers");
    assert_eq!(response.status(), StatusCode::OK);
    let mut received = 0;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received += chunk.len() as u64,
            Ok(None) => return (received, true),
            Err(_) => return (received, false),
        }
    }
}

#[tokio::test]
async fn guests_that_fail_are_told_from_guests_that_go_over_a_limit() {
    let (_host, client) = host().await;
    push_hostile(&client, LimitsChange::default()).await;
    push(
        &client,
        "handler3",
        &guest("handler3"),
        LimitsChange::default(),
    )
    .await;

    for app in ["hostile", "handler3"] {
        over(&client, app, "/trap", 502, "app-trapped", "the app trapped").await;
        logged(&client, app, LogSource::Stderr, &["told to trap"]).await;
    }
    let code = "app-no-response";
    over(&client, "hostile", "/never", 502, code, "no response").await;

    // The status is out already: all that is left is to break off.
    let (received, whole) = beside(&client, body_of(&client, "/partial")).await.0;
    assert!(!whole && received <= 14, "{received} bytes, {whole}");
    let why = "told to trap in the middle";
    logged(&client, "hostile", LogSource::Stderr, &[why]).await;

    // Nothing of the app's insides gets out.
    let (_, body) = client.ask("hostile.localhost", "/trap").await;
    assert!(!body.contains("told to trap"), "{body}");
    assert!(!body.contains("wasm"), "{body}");
}

#[tokio::test]
async fn every_request_gets_an_instance_of_its_own() {
    let (_host, client) = host().await;
    push_hostile(&client, LimitsChange::default()).await;
    push(
        &client,
        "handler3",
        &guest("handler3"),
        LimitsChange::default(),
    )
    .await;
    for host in ["hostile.localhost", "handler3.localhost"] {
        let counts = join_all((0..40).map(|_| client.ask(host, "/count"))).await;
        for (status, count) in counts {
            assert_eq!((status, count.as_str()), (StatusCode::OK, "1\n"), "{host}");
        }
    }
}

#[tokio::test]
async fn a_limit_holds_while_a_body_is_echoed() {
    let (_host, client) = host().await;
    let limits = || LimitsChange {
        request_body: Some(ByteSize(MIB)),
        time: Some(Millis(Duration::from_secs(120).as_millis() as u64)),
        ..LimitsChange::default()
    };
    push(&client, "hello", &guest("hello"), limits()).await;
    push(&client, "handler3", &guest("handler3"), limits()).await;
    for app in ["hello", "handler3"] {
        let request = client.app(Method::POST, &format!("{app}.localhost"), "/echo");
        let response = request.body(chunked(32)).send().await;
        let broken = match response {
            Ok(response) if response.status() == StatusCode::OK => response.bytes().await.is_err(),
            Ok(response) => response.status() == StatusCode::PAYLOAD_TOO_LARGE,
            Err(error) => panic!("{app}: {error:?}"),
        };
        assert!(broken, "{app} was given more than the limit");
        logged(&client, app, LogSource::Platform, &[app, "limit request-body"]).await;
    }
}
