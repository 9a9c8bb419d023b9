//! What guessing costs, and that it tells nobody who exists.

use muster_api::{
    config::passwords::{LockoutPolicy, PasswordPolicy},
    tokens::{OAuthError, TokenRequest},
    units::Millis,
};
use muster_e2e::{Client, PASSWORD, refuse};
use reqwest::Method;
use serde_json::json;

use super::{App, host, password, refused, set, sign_in, with};

/// The third failure begins a pause that outlasts the test.
async fn lock_after_three(client: &Client) {
    let policy = PasswordPolicy {
        lockout: LockoutPolicy {
            failures: 3,
            first_pause: Millis(600_000),
            longest_pause: Millis(600_000),
            ..LockoutPolicy::default()
        },
        ..PasswordPolicy::default()
    };
    let policy = serde_json::to_value(policy).expect("JSON");
    set(client, "passwords", policy).await;
}

#[tokio::test]
async fn wrong_codes_lock_like_wrong_passwords_however_many_come_at_once() {
    let (_host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    lock_after_three(&client).await;
    let request = with(&app.wrong());
    let tries = (0..8).map(|_| refused(&client, &request));
    let told = futures::future::join_all(tries).await;
    let count = |word: &str| told.iter().filter(|told| told.error == word).count();
    assert_eq!(
        (count("invalid_grant"), count("locked")),
        (3, 5),
        "{told:?}"
    );

    // Even a good code is of no use now, neither at sign-in nor as a proof.
    let code = app.next().await;
    let locked = refused(&client, &with(&code)).await;
    assert_eq!(locked.error, "locked");
    assert!(
        locked.retry_after.is_some_and(|wait| wait > 1),
        "{locked:?}"
    );
    for proof in [json!({ "otp": code }), json!({ "password": PASSWORD })] {
        let remove = client
            .request(Method::POST, "/self/factors/totp/actions/remove")
            .json(&proof);
        refuse(remove, 429, "locked").await;
    }
}

#[tokio::test]
async fn whoever_has_a_session_cannot_guess_the_proof() {
    let (_host, client) = host().await;
    let mut app = App::confirmed(&client).await;
    lock_after_three(&client).await;
    for (proof, status, code) in [
        (json!({ "otp": app.wrong() }), 422, "invalid-request"),
        (json!({ "password": "wrong" }), 422, "invalid-request"),
        (json!({ "otp": app.wrong() }), 422, "invalid-request"),
        (json!({ "otp": app.next().await }), 429, "locked"),
    ] {
        let remove = client
            .request(Method::POST, "/self/factors/totp/actions/remove")
            .json(&proof);
        refuse(remove, status, code).await;
    }
}

#[tokio::test]
async fn whoever_has_a_session_cannot_guess_the_password() {
    let (_host, client) = host().await;
    lock_after_three(&client).await;
    let change = |current: &str| {
        let body = json!({ "current": current, "new": "another horse battery staple" });
        client.request(Method::PUT, "/self/password").json(&body)
    };
    for _ in 0..3 {
        refuse(change("wrong"), 422, "invalid-request").await;
    }
    // Even the right one is of no use now, here or at sign-in.
    refuse(change(PASSWORD), 429, "locked").await;
    assert_eq!(refused(&client, &password()).await.error, "locked");
}

#[tokio::test]
async fn of_many_guesses_at_once_only_the_first_are_answered() {
    let (_host, client) = host().await;
    lock_after_three(&client).await;
    let guess = || {
        let body = json!({ "current": "wrong", "new": "another horse battery staple" });
        client.request(Method::PUT, "/self/password").json(&body)
    };
    let told = futures::future::join_all((0..8).map(|_| guess().send())).await;
    let count = |status: u16| {
        let has = |told: &&Result<reqwest::Response, reqwest::Error>| {
            told.as_ref().is_ok_and(|told| told.status() == status)
        };
        told.iter().filter(has).count()
    };
    assert_eq!((count(422), count(429)), (3, 5));
}

/// The same answers but for what is different each time.
fn alike(mut told: OAuthError) -> OAuthError {
    if let Some(wait) = told.retry_after.take() {
        let (seconds, rough) = (format!("{wait} s"), wait.div_ceil(60));
        told.error_description = told.error_description.replace(&seconds, "[wait]");
        told.retry_after = Some(rough);
    }
    if let Some(challenge) = &mut told.captcha {
        let parameters = challenge.pointer_mut("/challenge/parameters");
        let parameters = parameters.and_then(|value| value.as_object_mut());
        for (_, value) in parameters.expect("a puzzle").iter_mut() {
            if value.is_string() || value.is_number() {
                *value = json!("[random]");
            }
        }
        challenge["challenge"]["signature"] = json!("[random]");
    }
    told
}

#[tokio::test]
async fn nobody_learns_from_lock_out_and_puzzles_who_exists() {
    let (_host, client) = host().await;
    lock_after_three(&client).await;
    let guess = |name: &str| TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(name.to_owned()),
        password: Some("wrong".to_owned()),
        ..TokenRequest::default()
    };
    let mut locked = Vec::new();
    for _ in 0..5 {
        let told = alike(refused(&client, &guess("admin")).await);
        assert_eq!(told, alike(refused(&client, &guess("nobody")).await));
        locked.push(told.error);
    }
    assert_eq!(
        locked,
        [
            "invalid_grant",
            "invalid_grant",
            "invalid_grant",
            "locked",
            "locked"
        ]
    );

    // A new host, since the admin of this one is locked for a while.
    let (_host, client) = host().await;
    set(&client, "captcha", json!({ "after_failures": 2 })).await;
    let mut puzzled = Vec::new();
    for _ in 0..4 {
        let told = alike(refused(&client, &guess("admin")).await);
        assert_eq!(told, alike(refused(&client, &guess("nobody")).await));
        puzzled.push(told.error);
    }
    assert_eq!(
        puzzled,
        [
            "invalid_grant",
            "invalid_grant",
            "captcha_required",
            "captcha_required"
        ]
    );
    // The right password is not told from a wrong one either.
    let mut right = guess("admin");
    right.password = Some(PASSWORD.to_owned());
    let told = alike(refused(&client, &right).await);
    assert_eq!(told, alike(refused(&client, &guess("nobody")).await));

    // 0 never asks.
    set(&client, "captcha", json!({ "after_failures": 0 })).await;
    sign_in(&client, &right).await.expect("tokens");
}
