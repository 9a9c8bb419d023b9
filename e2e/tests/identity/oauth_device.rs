//! Devices without a browser: they show a code, somebody enters it elsewhere,
//! and they are let in or not.

use std::time::Duration;

use muster_api::{
    authorization::{DEVICE_GRANT, DeviceReply},
    tokens::{CLI_CLIENT, OAuthError, TokenReply, TokenRequest},
};
use muster_e2e::{
    Client, Host, PASSWORD,
    servers::{Browser, Page},
    sign_in::{enter, token},
};
use reqwest::{Method, StatusCode};

async fn begin(client: &Client) -> DeviceReply {
    let asked = client
        .anonymous(Method::POST, "/oauth/device_authorization")
        .form(&[("client_id", CLI_CLIENT), ("scope", "app:read")]);
    let reply = asked.send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(reply.headers()["cache-control"], "no-store");
    reply.json().await.expect("codes")
}

async fn poll(host: &Host, codes: &DeviceReply) -> Result<TokenReply, OAuthError> {
    let request = TokenRequest {
        grant_type: DEVICE_GRANT.to_owned(),
        client_id: Some(CLI_CLIENT.to_owned()),
        device_code: Some(codes.device_code.clone()),
        ..TokenRequest::default()
    };
    let reply = token(host, &request).await;
    if reply.status() == StatusCode::OK {
        Ok(reply.json().await.expect("tokens"))
    } else {
        Err(reply.json().await.expect("an OAuth error"))
    }
}

async fn refused(host: &Host, codes: &DeviceReply) -> String {
    poll(host, codes).await.err().expect("no tokens").error
}

/// Enters the code and signs in: the page that asks whether they agree.
async fn question(browser: &mut Browser, host: &Host, code: &str) -> Page {
    let site = host.url();
    let fields = [("user_code", code)];
    let page = browser
        .submit(&format!("{site}/device"), &fields, &site)
        .await;
    enter(browser, host, &page, "admin", PASSWORD).await
}

async fn answer(browser: &mut Browser, host: &Host, page: &Page, answer: &str) -> Page {
    let token = page.hidden("token");
    let fields = [("token", token.as_str()), ("answer", answer)];
    browser
        .submit(&page.form_action(), &fields, &host.url())
        .await
}

#[tokio::test]
async fn a_person_lets_a_device_in() {
    let host = Host::start().await;
    let client = host.client().await;
    let codes = begin(&client).await;
    assert_eq!(codes.verification_uri, format!("{}/device", host.url()));
    assert_eq!(refused(&host, &codes).await, "authorization_pending");
    assert_eq!(refused(&host, &codes).await, "slow_down");

    let mut browser = Browser::new(None);
    let prefilled = browser
        .visit(&codes.verification_uri_complete, &host.url())
        .await;
    assert!(
        prefilled.body.contains(&codes.user_code),
        "{}",
        prefilled.body
    );
    let page = question(&mut browser, &host, &codes.user_code.to_lowercase()).await;
    for part in ["muster-cli", "127.0.0.1", "admin"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let page = answer(&mut browser, &host, &page, "yes").await;
    assert!(page.body.contains("device is in"), "{}", page.body);

    // It was told to leave ten seconds in between.
    tokio::time::sleep(Duration::from_secs(codes.interval + 6)).await;
    let tokens = poll(&host, &codes).await.expect("tokens");
    assert_eq!(tokens.scope.as_deref(), Some("app:read"));
    let me = client.anonymous(Method::GET, "/api/v1/self");
    let me = me
        .bearer_auth(tokens.access_token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(me.status(), StatusCode::OK);
    assert_eq!(
        refused(&host, &codes).await,
        "invalid_grant",
        "the codes serve once"
    );
}

#[tokio::test]
async fn a_person_keeps_a_device_out() {
    let host = Host::start().await;
    let codes = begin(&host.client().await).await;
    let mut browser = Browser::new(None);
    let page = question(&mut browser, &host, &codes.user_code).await;
    let page = answer(&mut browser, &host, &page, "no").await;
    assert!(page.body.contains("stays out"), "{}", page.body);
    assert_eq!(refused(&host, &codes).await, "access_denied");
    // The question was answered.
    let site = host.url();
    let fields = [("user_code", codes.user_code.as_str())];
    let page = browser
        .submit(&format!("{site}/device"), &fields, &site)
        .await;
    assert!(page.body.contains("code is wrong"), "{}", page.body);
}

#[tokio::test]
async fn codes_are_for_their_client_and_must_be_right() {
    let host = Host::start().await;
    let codes = begin(&host.client().await).await;
    let others = [
        (
            CLI_CLIENT,
            format!("{}x", codes.device_code),
            "invalid_grant",
        ),
        ("muster-console", codes.device_code.clone(), "invalid_grant"),
        (CLI_CLIENT, codes.user_code.clone(), "invalid_grant"),
        ("other", codes.device_code.clone(), "invalid_client"),
    ];
    for (client, code, error) in others {
        let request = TokenRequest {
            grant_type: DEVICE_GRANT.to_owned(),
            client_id: Some(client.to_owned()),
            device_code: Some(code),
            ..TokenRequest::default()
        };
        let told: OAuthError = token(&host, &request).await.json().await.expect("an error");
        assert_eq!(told.error, error);
    }
    let mut browser = Browser::new(None);
    let site = host.url();
    for code in ["", "BCDF-GHJK", "' or 1=1 --"] {
        let page = browser
            .submit(&format!("{site}/device"), &[("user_code", code)], &site)
            .await;
        assert!(page.body.contains("code is wrong"), "{code}: {}", page.body);
    }
}
