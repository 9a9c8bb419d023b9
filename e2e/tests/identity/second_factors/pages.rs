//! Second factors and terms of use on the sign-in pages.

use muster_api::{factors::PasskeyChallenge, terms::TermInfo};
use muster_e2e::{
    Client, Host, PASSWORD,
    servers::{Browser, Page},
    sign_in::{authorize, code_of, enter, redeem, token},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{App, host, passkeys::Device, set};

/// The page after the right password.
async fn after_password(browser: &mut Browser, host: &Host) -> Page {
    let page = browser
        .visit(&authorize(host, "s", None), &host.url())
        .await;
    enter(browser, host, &page, "admin", PASSWORD).await
}

async fn send(browser: &mut Browser, host: &Host, page: &Page, field: (&str, &str)) -> Page {
    let token = page.hidden("token");
    let fields = [("token", token.as_str()), field];
    browser
        .submit(&page.form_action(), &fields, &host.url())
        .await
}

async fn is_in(host: &Host, page: &Page) {
    let reply = token(host, &redeem(&code_of(page))).await;
    assert_eq!(reply.status(), StatusCode::OK);
}

async fn require_terms(client: &Client, text: &str) {
    let new = json!({ "media_type": "text/plain", "text": text });
    let _: TermInfo = client.send(Method::POST, "/terms", &new).await;
}

#[tokio::test]
async fn a_code_and_then_the_terms_are_asked_for() {
    let (host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    require_terms(&client, "Be <b>kind</b> to each other.").await;
    let mut browser = Browser::new(None);
    let page = after_password(&mut browser, &host).await;
    assert!(
        page.left.is_none() && page.body.contains("name=\"otp\""),
        "{}",
        page.body
    );
    let page = send(&mut browser, &host, &page, ("otp", "000000")).await;
    assert!(page.body.contains("role=\"alert\""), "{}", page.body);
    // Terms do not take the place of a code, nor an answer that of either.
    let page = send(&mut browser, &host, &page, ("accept_terms", "1")).await;
    assert!(
        page.left.is_none() && page.body.contains("name=\"otp\""),
        "{}",
        page.body
    );
    let site = host.url();
    let yes = send(&mut browser, &host, &page, ("answer", "yes")).await;
    assert!(yes.left.is_none(), "{}", yes.body);
    let page = browser.visit(&format!("{site}/sign-in"), &site).await;
    assert!(page.left.is_none(), "{}", page.body);

    let code = app.next().await;
    let page = send(&mut browser, &host, &page, ("otp", &code)).await;
    if page.left.is_none() {
        assert!(page.body.contains("Be &lt;b&gt;kind"), "{}", page.body);
        let page = send(&mut browser, &host, &page, ("accept_terms", "1")).await;
        is_in(&host, &page).await;
    } else {
        panic!("the terms were not read when they were accepted");
    }
}

#[tokio::test]
async fn wrong_codes_end_the_visit() {
    let (host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    let mut browser = Browser::new(None);
    let mut page = after_password(&mut browser, &host).await;
    for _ in 0..5 {
        page = send(&mut browser, &host, &page, ("otp", "000000")).await;
        assert!(
            page.left.is_none() && page.body.contains("name=\"otp\""),
            "{}",
            page.body
        );
    }
    let code = app.next().await;
    let page = send(&mut browser, &host, &page, ("otp", &code)).await;
    assert!(
        page.left.is_none() && page.body.contains("egin anew"),
        "{}",
        page.body
    );
    let site = host.url();
    let page = browser.visit(&format!("{site}/sign-in"), &site).await;
    assert!(page.body.contains("Nothing waits"), "{}", page.body);
}

#[tokio::test]
async fn a_passkey_answers_the_challenge_of_the_page() {
    let (host, client) = host().await;
    let named = host.url().replace("127.0.0.1", "localhost");
    set(&client, "management", json!({ "public_url": named })).await;
    let mut device = Device::at(&named);
    device.register(&client, "phone").await;
    let mut browser = Browser::new(None);
    let page = after_password(&mut browser, &host).await;
    let challenge = |page: &Page| -> PasskeyChallenge {
        let found = page.body.split("data-challenge=\"").nth(1);
        let found = found.and_then(|rest| rest.split('"').next());
        let found = found.unwrap_or_else(|| panic!("there is no challenge: {}", page.body));
        let text = found.replace("&quot;", "\"").replace("&#x2f;", "/");
        serde_json::from_str(&text).expect("a challenge")
    };
    // An answer that is none leads to another challenge.
    let first = challenge(&page);
    let page = send(&mut browser, &host, &page, ("passkey", "{}")).await;
    let second = challenge(&page);
    assert_ne!(first.ticket, second.ticket);
    let answer = device.answer(&second).await.passkey.expect("an answer");
    let page = send(&mut browser, &host, &page, ("passkey", &answer)).await;
    is_in(&host, &page).await;
}
