//! Rate limits: how every client stands is told, and who asks too much waits.

use muster_api::keys::{KeyWithSecret, NewKey};
use muster_e2e::{Client, Host, eventually, refused};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

fn field<'r>(response: &'r Response, name: &str) -> &'r str {
    response
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("{} has no {name}", response.url()))
        .to_str()
        .expect("text")
}

#[tokio::test]
async fn every_answer_says_how_the_client_stands() {
    let host = Host::start().await;
    let client = host.client().await;
    let known = client.request(Method::GET, "/info").send().await.unwrap();
    assert_eq!(field(&known, "ratelimit-policy"), "\"user\";q=2000;w=20");
    assert!(field(&known, "ratelimit").starts_with("\"user\";r=199"));

    let stranger = client.anonymous(Method::GET, "/api/v1/info");
    let stranger = stranger.send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        field(&stranger, "ratelimit-policy"),
        "\"address\";q=1000;w=20"
    );
    // A login that is refused counts for its address as well.
    let forged = client
        .anonymous(Method::GET, "/api/v1/info")
        .bearer_auth("no");
    let forged = forged.send().await.unwrap();
    assert!(field(&forged, "ratelimit").starts_with("\"address\";r="));

    // Whoever watches over the host is not counted.
    let probe = client
        .anonymous(Method::GET, "/healthz")
        .send()
        .await
        .unwrap();
    assert_eq!(probe.headers().get("ratelimit"), None);
}

#[tokio::test]
async fn whoever_guesses_is_slowed_down_and_nobody_else() {
    let host = Host::start().await;
    let client = host.client().await;
    let guess = || {
        let header = ("x-forwarded-for", "192.0.2.7");
        client
            .anonymous(Method::POST, "/oauth/token")
            .header(header.0, header.1)
            .form(&[("grant_type", "none")])
            .send()
    };
    let mut slowed = None;
    for _ in 0..300 {
        let answer = guess().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            slowed = Some(answer);
            break;
        }
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
    let slowed = slowed.expect("nobody slows down who guesses 300 times");
    assert!(field(&slowed, "ratelimit").contains("\"sign-in\";r=0;t="));
    let wait: u64 = field(&slowed, "retry-after").parse().unwrap();
    assert!(wait >= 1);
    let problem = refused(slowed, 429, "rate-limited").await;
    assert!(problem.detail.contains("sign in"), "{problem:?}");
    // Those who are logged in go on, from the same address.
    let _: serde_json::Value = client.get("/info").await;
}

/// An access key of the admin's, and somebody who uses it.
async fn script(client: &Client, name: &str) -> Client {
    let new = NewKey {
        name: name.to_owned(),
        ..NewKey::default()
    };
    let made: KeyWithSecret = client.send(Method::POST, "/self/keys", &new).await;
    client.with_key(&made.key.id, &made.secret).await
}

#[tokio::test]
async fn an_access_key_has_a_limit_of_its_own() {
    let host = Host::start().await;
    let client = host.client().await;
    let (wild, calm) = (script(&client, "wild").await, script(&client, "calm").await);
    let limits = json!({ "key": { "per_minute": 1, "burst": 3 } });
    let _: Value = client
        .send(Method::PUT, "/config/rate-limits", &limits)
        .await;
    let ask = async |who: &Client| {
        let answer = who.request(Method::GET, "/info").send().await;
        answer.expect("the host answers")
    };
    let slowed = eventually("the key is used up", async || {
        let answer = ask(&wild).await;
        (answer.status() == StatusCode::TOO_MANY_REQUESTS).then_some(answer)
    })
    .await;
    assert_eq!(field(&slowed, "ratelimit-policy"), "\"key\";q=3;w=180");
    let problem = refused(slowed, 429, "rate-limited").await;
    assert!(problem.detail.contains("access key"), "{problem:?}");

    // Neither the other key nor whose they are has asked too much.
    let other = ask(&calm).await;
    assert_eq!(other.status(), StatusCode::OK);
    assert!(field(&other, "ratelimit").starts_with("\"key\";r=2;"));
    let own = ask(&client).await;
    assert_eq!(own.status(), StatusCode::OK);
    assert!(field(&own, "ratelimit").starts_with("\"user\";r=19"));
}
