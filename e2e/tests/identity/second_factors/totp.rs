//! The life of an authenticator app.

use muster_api::factors::FactorKind;
use muster_e2e::{PASSWORD, only_field, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{App, factors, host, password, post, refused, sign_in, with};

const TOTP: &str = "/self/factors/totp";
const CONFIRM: &str = "/self/factors/totp/actions/confirm";
const REMOVE: &str = "/self/factors/totp/actions/remove";

#[tokio::test]
async fn an_authenticator_app_counts_from_its_first_code_until_it_is_removed() {
    let (_host, client) = host().await;
    assert!(!factors(&client).await.required);
    let ask = |path: &str, body: Value| client.request(Method::POST, path).json(&body);

    // A session alone changes nothing.
    for (proof, field) in [
        (json!({}), "password"),
        (json!({ "password": "wrong" }), "password"),
        (json!({ "otp": "123456" }), "otp"),
    ] {
        for path in [TOTP, REMOVE, "/self/factors/recovery-codes"] {
            let problem = refuse(ask(path, proof.clone()), 422, "invalid-request").await;
            assert_eq!(only_field(&problem), field, "{path} {proof}");
        }
    }
    let proof = json!({ "password": PASSWORD });
    let early = ask("/self/factors/recovery-codes", proof.clone());
    refuse(early, 409, "no-factor").await;
    refuse(ask(REMOVE, proof.clone()), 404, "factor-not-found").await;
    refuse(ask(CONFIRM, json!({ "code": "123456" })), 409, "no-totp").await;

    let reply = ask(TOTP, proof.clone()).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::CREATED);
    assert_eq!(reply.headers()["cache-control"], "no-store");
    let enrolment: Value = reply.json().await.unwrap();
    let secret = enrolment["secret"].as_str().unwrap();
    let address = enrolment["uri"].as_str().unwrap();
    assert!(address.starts_with("otpauth://totp/"), "{address}");
    assert!(address.contains(secret), "{address}");
    let mut app = App::new(secret);

    // It does not count before a code has come from it.
    sign_in(&client, &password()).await.unwrap();
    let waiting = factors(&client).await;
    assert!(!waiting.required && !waiting.totp.unwrap().confirmed);
    let confirmation = app.next().await;
    let problem = refuse(
        ask(CONFIRM, json!({ "code": app.wrong() })),
        422,
        "invalid-request",
    );
    assert_eq!(only_field(&problem.await), "code");
    post(&client, CONFIRM, json!({ "code": confirmation }), 204).await;
    refuse(ask(CONFIRM, json!({ "code": app.again() })), 409, "no-totp").await;
    let shown = factors(&client).await;
    assert!(shown.required && shown.totp.unwrap().confirmed);

    let wanted = refused(&client, &password()).await;
    assert_eq!(wanted.error, "otp_required");
    assert_eq!(wanted.factors, [FactorKind::Totp]);
    assert_eq!(wanted.passkey, None);
    // The code that confirmed it is used up.
    let replayed = refused(&client, &with(&app.again())).await;
    assert_eq!(replayed.error, "invalid_grant");
    assert_eq!(replayed.factors, [FactorKind::Totp]);

    // Without the password a good code is good for nothing, and is not used up.
    let code = app.next().await;
    let mut guessed = with(&code);
    guessed.password = Some("wrong".to_owned());
    let told = refused(&client, &guessed).await;
    guessed.username = Some("nobody".to_owned());
    assert_eq!(told, refused(&client, &guessed).await);
    assert!(told.factors.is_empty(), "{told:?}");
    let signed_in = sign_in(&client, &with(&code)).await.unwrap();
    assert_eq!(refused(&client, &with(&code)).await.error, "invalid_grant");
    assert_eq!(
        refused(&client, &with(&app.wrong())).await.error,
        "invalid_grant"
    );

    // With the factor used a short while ago, the password is a proof.
    let recent = client.with_token(&signed_in.access_token);
    let again = recent.request(Method::POST, TOTP).json(&proof);
    refuse(again, 409, "totp-exists").await;

    // Nobody takes it away without a fresh proof; a used code is none.
    for (proof, field) in [
        (json!({}), "password"),
        (json!({ "password": "wrong" }), "password"),
        (json!({ "password": PASSWORD }), "otp"),
        (json!({ "otp": code }), "otp"),
    ] {
        let problem = refuse(ask(REMOVE, proof), 422, "invalid-request").await;
        assert_eq!(only_field(&problem), field);
    }
    assert_eq!(refused(&client, &password()).await.error, "otp_required");
    post(&client, REMOVE, json!({ "otp": app.next().await }), 204).await;
    sign_in(&client, &password()).await.unwrap();
}

#[tokio::test]
async fn of_several_who_show_one_code_at_once_one_gets_in() {
    let (_host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    let request = with(&app.next().await);
    let tries = (0..4).map(|_| sign_in(&client, &request));
    let results = futures::future::join_all(tries).await;
    let good = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(good, 1);
}

#[tokio::test]
async fn an_admin_helps_whoever_has_lost_everything() {
    let (_host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    let proof = json!({ "otp": app.next().await });
    post(&client, "/self/factors/recovery-codes", proof, 201).await;
    let reset = |user: &str| client.request(Method::DELETE, &format!("/users/{user}/factors"));
    for _ in 0..2 {
        let reply = reset("admin").send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::NO_CONTENT);
    }
    let reply = reset("nobody").send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::NOT_FOUND);
    let left = factors(&client).await;
    assert_eq!((left.required, left.recovery_codes), (false, 0));
    sign_in(&client, &password()).await.unwrap();
}
