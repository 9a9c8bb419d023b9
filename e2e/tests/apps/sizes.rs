//! How large requests and responses may be: refused when that can be told at
//! once, cut off where it cannot.

use futures::stream;
use muster_api::{logs::LogSource, pushes::LimitsChange, units::ByteSize};
use muster_e2e::{
    Client, Failure, beside, guest, host_with_neighbour, logged, push_limited, raw, unharmed,
};
use reqwest::{Body, Method, StatusCode};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn heads_of_requests_are_as_large_as_the_limit_says() {
    let (_host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        request_headers: Some(ByteSize(1 << 10)),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;

    let with_field = async |bytes: usize| {
        let request = client.app(Method::GET, "hostile.localhost", "/count");
        let sent = request.header("x-long", "x".repeat(bytes)).send();
        sent.await.expect("the data path answers")
    };
    let failure = Failure {
        status: 431,
        code: "limit-request-headers",
        told: "limit request-headers: request line and headers have",
    };
    let (response, _) = beside(&client, with_field(1 << 10)).await;
    failure.seen(&client, "hostile", response).await;
    assert_eq!(with_field(512).await.status(), StatusCode::OK);
    // The request's own line counts too.
    let path = format!("/count?{}", "x".repeat(1 << 10));
    failure.of(&client, "hostile", &path).await;
    // What no app can want is not even read to its end.
    assert_eq!(with_field(200 << 10).await.status().as_u16(), 431);
    unharmed(&client, "hostile").await;
}

#[tokio::test]
async fn bodies_of_requests_are_as_large_as_the_limit_says() {
    let (host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        request_body: Some(ByteSize(MIB)),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;

    let upload = async |body: Body| {
        let request = client.app(Method::POST, "hostile.localhost", "/upload");
        request.body(body).send().await
    };
    let failure = Failure {
        status: 413,
        code: "limit-request-body",
        told: "limit request-body: the request body has more than the allowed 1048576 bytes",
    };
    for body in [Body::from(vec![b'x'; 2 << 20]), chunked(32)] {
        let (response, _) = beside(&client, upload(body)).await;
        let response = response.expect("the data path answers");
        failure.seen(&client, "hostile", response).await;
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
    assert_eq!(announced.status.as_u16(), 413);
    unharmed(&client, "hostile").await;
}

#[tokio::test]
async fn an_app_that_echoes_is_not_given_more_than_the_limit() {
    let (_host, client) = host_with_neighbour().await;
    for (app, wasm) in [("echo", guest("hello")), ("echo3", guest("handler3"))] {
        let limits = LimitsChange {
            request_body: Some(ByteSize(MIB)),
            ..LimitsChange::default()
        };
        push_limited(&client, app, &wasm, limits).await;
        let request = client.app(Method::POST, &format!("{app}.localhost"), "/echo");
        let response = request.body(chunked(32)).send().await;
        let response = response.expect("the data path answers");
        // The head is out before the limit is reached: all that is left then
        // is to break off.
        if response.status() == StatusCode::OK {
            let received = response.bytes().await;
            assert!(
                received.is_err(),
                "{app} answered as if nothing was missing"
            );
        } else {
            assert_eq!(response.status().as_u16(), 413, "{app}");
        }
        logged(
            &client,
            app,
            LogSource::Platform,
            &[app, "limit request-body"],
        )
        .await;
    }
}

/// A body of so many chunks of 64 KiB that does not say how long it is.
fn chunked(count: usize) -> Body {
    let chunk = || Ok::<_, std::io::Error>(vec![b'x'; 64 << 10]);
    Body::wrap_stream(stream::iter((0..count).map(move |_| chunk())))
}

#[tokio::test]
async fn responses_are_as_large_as_the_limits_say() {
    let (_host, client) = host_with_neighbour().await;
    let limits = LimitsChange {
        response_headers: Some(ByteSize(4 << 10)),
        response_body: Some(ByteSize(MIB)),
        ..LimitsChange::default()
    };
    push_limited(&client, "hostile", &guest("hostile"), limits).await;

    let failure = Failure {
        status: 502,
        code: "limit-response-headers",
        told: "limit response-headers: the response headers have",
    };
    failure
        .of(&client, "hostile", "/big-headers?bytes=5000")
        .await;
    let few = client.ask("hostile.localhost", "/big-headers?bytes=2000");
    assert_eq!(few.await.0, StatusCode::OK);

    let large = body_of(&client, "/big-body?bytes=9000000");
    let ((received, whole), answers) = beside(&client, large).await;
    assert!(!whole && received <= MIB, "{received} bytes, {whole}");
    assert!(answers > 0, "the neighbour was not asked");
    let told = "limit response-body: the response body has more than the allowed 1048576 bytes";
    logged(&client, "hostile", LogSource::Platform, &["hostile", told]).await;
    let exact = body_of(&client, "/big-body?bytes=1048576").await;
    assert_eq!(exact, (MIB, true));
    unharmed(&client, "hostile").await;
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
