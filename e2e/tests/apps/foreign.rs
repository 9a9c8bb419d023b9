//! Apps of other languages: what componentize-py and componentize-js make runs
//! like any other component.

use muster_e2e::{Host, guest};
use reqwest::{Method, StatusCode};

async fn serves(language: &str) {
    let host = Host::start().await;
    let client = host.client().await;
    client.push_component(language, &guest(language)).await;
    let name = format!("{language}.localhost");
    let answer = client.ask(&name, "/").await;
    assert_eq!(answer, (StatusCode::OK, format!("hello from {language}\n")));
    assert_eq!(client.ask(&name, "/no").await.0, StatusCode::NOT_FOUND);
    let wrong = client
        .app(Method::POST, &name, "/")
        .send()
        .await
        .expect("the host answers");
    assert_eq!(wrong.status(), StatusCode::NOT_FOUND);

    let large: Vec<u8> = (0..300_000).map(|at| (at % 251) as u8).collect();
    for body in [Vec::new(), b"a line\n".to_vec(), large] {
        let request = client.app(Method::POST, &name, "/echo").body(body.clone());
        let reply = request.send().await.expect("the host answers");
        assert_eq!(reply.status(), StatusCode::OK);
        assert!(
            reply.bytes().await.expect("a body") == body,
            "{} bytes came back changed",
            body.len()
        );
    }
    // Instances of so large a component come and go like others.
    let many = (0..20).map(|_| client.ask(&name, "/"));
    for (status, body) in futures::future::join_all(many).await {
        assert_eq!(
            (status, body),
            (StatusCode::OK, format!("hello from {language}\n"))
        );
    }
}

#[tokio::test]
async fn an_app_in_python_serves() {
    serves("python").await;
}

#[tokio::test]
async fn an_app_in_javascript_serves() {
    serves("javascript").await;
}
