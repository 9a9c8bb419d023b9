//! Guests that fail by themselves: the client is told that much and no more,
//! the owner is told why, and the next request begins anew.

use futures::future::join_all;
use muster_api::logs::LogSource;
use muster_e2e::{Failure, beside, guest, host_with_neighbour, logged, unharmed};
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn a_guest_that_traps_or_says_nothing_is_a_bad_gateway() {
    let (_host, client) = host_with_neighbour().await;
    for app in ["hostile", "handler3"] {
        client.push_component(app, &guest(app)).await;
        let failure = Failure {
            status: 502,
            code: "app-trapped",
            told: "the app trapped",
        };
        failure.of(&client, app, "/trap").await;
        logged(&client, app, LogSource::Stderr, &["told to trap"]).await;
        let (_, body) = client.ask(&format!("{app}.localhost"), "/trap").await;
        for inside in ["told to trap", "wasm", "unreachable"] {
            assert!(!body.contains(inside), "{body}");
        }
        unharmed(&client, app).await;
    }

    let failure = Failure {
        status: 502,
        code: "app-no-response",
        told: "no response",
    };
    failure.of(&client, "hostile", "/never").await;
    unharmed(&client, "hostile").await;
}

#[tokio::test]
async fn a_guest_that_traps_in_the_middle_of_a_body_is_cut_off() {
    let (_host, client) = host_with_neighbour().await;
    client.push_component("hostile", &guest("hostile")).await;
    let asked = async {
        let request = client.app(Method::GET, "hostile.localhost", "/partial");
        let response = request.send().await?;
        Ok::<_, reqwest::Error>((response.status(), response.text().await?))
    };
    // What came before it may be out already: all that is left is to break off.
    let (outcome, _) = beside(&client, asked).await;
    if let Ok((status, body)) = outcome {
        assert_eq!(status, StatusCode::BAD_GATEWAY, "this looks whole: {body}");
    }
    let why = "told to trap in the middle";
    logged(&client, "hostile", LogSource::Stderr, &[why]).await;
    let told = ["hostile", "the app trapped"];
    logged(&client, "hostile", LogSource::Platform, &told).await;
    unharmed(&client, "hostile").await;
}

#[tokio::test]
async fn every_request_gets_an_instance_of_its_own() {
    let (_host, client) = host_with_neighbour().await;
    for app in ["hostile", "handler3"] {
        client.push_component(app, &guest(app)).await;
        let host = format!("{app}.localhost");
        let counts = join_all((0..40).map(|_| client.ask(&host, "/count"))).await;
        for (status, count) in counts {
            assert_eq!((status, count.as_str()), (StatusCode::OK, "1\n"), "{app}");
        }
    }
}
