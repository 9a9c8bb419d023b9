//! Passkeys: a device in software, the browser that speaks to it, and the real
//! host.

use muster_api::{
    factors::{FactorKind, Passkey, PasskeyAnswer, PasskeyChallenge},
    plan::Plan,
    tokens::TokenRequest,
};
use muster_e2e::{Client, PASSWORD, only_field, refuse};
use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client as Browser, DefaultClientData},
    crypto::rust_crypto::RustCryptoBackend,
    types::{
        Passkey as DeviceKey,
        ctap2::{Aaguid, Ctap2Error},
    },
};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

use super::{App, factors, host, password, post, refused, set, sign_in, with};

/// Somebody who is there and shows the right finger.
#[derive(Clone, Copy)]
struct Finger;

#[async_trait::async_trait]
impl UserValidationMethod for Finger {
    type PasskeyItem = DeviceKey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, DeviceKey>,
        _: bool,
        _: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence: true,
            verification: true,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A device with one key, and the page on which it is used. A clone is a copy
/// that somebody made.
#[derive(Clone)]
pub struct Device {
    key: Option<DeviceKey>,
    page: Url,
}

impl Device {
    pub fn at(page: &str) -> Self {
        Self {
            key: None,
            page: page.parse().expect("an address"),
        }
    }

    fn inside(&self) -> Authenticator<Option<DeviceKey>, Finger, RustCryptoBackend> {
        let id = Aaguid::new_empty();
        let mut device = Authenticator::new(id, self.key.clone(), Finger, RustCryptoBackend);
        device.set_make_credentials_with_signature_counter(true);
        device
    }

    async fn create(&mut self, options: &Value) -> Value {
        let options = serde_json::from_value(options.clone()).expect("options");
        let mut browser = Browser::new(self.inside()).allows_insecure_localhost(true);
        let made = browser.register(&self.page, options, DefaultClientData);
        let made = made.await.expect("a credential");
        self.key = browser.authenticator().store().clone();
        serde_json::to_value(made).expect("JSON")
    }

    async fn get(&mut self, options: &Value) -> Value {
        let options = serde_json::from_value(options.clone()).expect("options");
        let mut browser = Browser::new(self.inside()).allows_insecure_localhost(true);
        let made = browser.authenticate(&self.page, options, DefaultClientData);
        let made = made.await.expect("an answer");
        self.key = browser.authenticator().store().clone();
        serde_json::to_value(made).expect("JSON")
    }

    /// The password, and this device's answer to a challenge.
    pub async fn answer(&mut self, challenge: &PasskeyChallenge) -> TokenRequest {
        let answer = PasskeyAnswer {
            ticket: challenge.ticket.clone(),
            answer: self.get(&challenge.options).await,
        };
        TokenRequest {
            passkey: Some(serde_json::to_string(&answer).expect("JSON")),
            ..password()
        }
    }

    pub async fn register(&mut self, client: &Client, name: &str) -> Passkey {
        let (ticket, answer) = self.offer(client).await;
        let body = json!({ "name": name, "ticket": ticket, "answer": answer });
        client.send(Method::POST, "/self/passkeys", &body).await
    }

    async fn offer(&mut self, client: &Client) -> (String, Value) {
        let proof = json!({ "password": PASSWORD });
        let challenge: PasskeyChallenge = client
            .send(Method::POST, "/self/passkeys/challenges", &proof)
            .await;
        let answer = self.create(&challenge.options).await;
        (challenge.ticket, answer)
    }
}

async fn challenge(client: &Client) -> PasskeyChallenge {
    let wanted = refused(client, &password()).await;
    assert_eq!(wanted.error, "otp_required", "{wanted:?}");
    wanted.passkey.expect("a challenge")
}

#[tokio::test]
async fn a_passkey_is_registered_and_lets_its_owner_in() {
    let (host, client) = host().await;
    let ask = |path: &str, body: Value| client.request(Method::POST, path).json(&body);
    let proof = json!({ "password": PASSWORD });

    // At an address without a name there are none.
    let reply = ask("/self/passkeys/challenges", proof)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), StatusCode::CONFLICT);
    let problem: Value = reply.json().await.unwrap();
    assert_eq!(problem["code"], "passkeys-need-a-name");
    assert!(problem["remedy"].as_str().unwrap().contains("public_url"));

    let page = host.url().replace("127.0.0.1", "localhost");
    set(&client, "management", json!({ "public_url": page })).await;
    let without = ask("/self/passkeys/challenges", json!({}));
    let problem = refuse(without, 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "password");

    let mut device = Device::at(&page);
    let (ticket, answer) = device.offer(&client).await;
    let body =
        |name: &str, ticket: &str| json!({ "name": name, "ticket": ticket, "answer": answer });
    let nameless = ask("/self/passkeys", body(" ", &ticket));
    assert_eq!(
        only_field(&refuse(nameless, 422, "invalid-request").await),
        "name"
    );
    let made_up = ask("/self/passkeys", body("phone", "muster_tk_x"));
    assert_eq!(
        only_field(&refuse(made_up, 422, "invalid-request").await),
        "ticket"
    );
    let added = post(&client, "/self/passkeys", body("phone", &ticket), 201).await;
    let id = added["id"].as_str().unwrap().to_owned();
    let again = ask("/self/passkeys", body("twice", &ticket));
    assert_eq!(
        only_field(&refuse(again, 422, "invalid-request").await),
        "ticket"
    );
    let wanted = refused(&client, &password()).await;
    assert_eq!(wanted.factors, [FactorKind::Passkey]);
    let request = device.answer(&challenge(&client).await).await;
    let signed_in = sign_in(&client, &request).await.unwrap();
    let recent = client.with_token(&signed_in.access_token);
    // What was good once is good no more.
    assert_eq!(refused(&client, &request).await.error, "invalid_grant");
    let shown = factors(&client).await;
    assert!(shown.required && shown.passkeys[0].last_used_at.is_some());

    // A page elsewhere gets a device to sign as well, but not for this host.
    let mut elsewhere = Device::at("http://localhost:1");
    let (ticket, answer) = elsewhere.offer(&recent).await;
    let body = json!({ "name": "evil", "ticket": ticket, "answer": answer });
    let problem = refuse(ask("/self/passkeys", body), 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "answer");

    let path = format!("/self/passkeys/{id}");
    let rename = |query: &str| {
        let request = client.request(Method::PATCH, &format!("{path}{query}"));
        request.json(&json!({ "name": "laptop" }))
    };
    let told: Plan = rename("?dry_run=true")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(told.changes, ["the passkey phone is called laptop"]);
    let unseen = rename("").header("if-match", "\"x\"");
    refuse(unseen, 412, "precondition-failed").await;
    let kept: Passkey = client.get(&path).await;
    assert_eq!(kept.name, "phone");
    let renamed: Passkey = client
        .send(Method::PATCH, &path, &json!({ "name": "laptop" }))
        .await;
    assert_eq!(renamed.name, "laptop");
    let remove = format!("{path}/actions/remove");
    refuse(ask(&remove, json!({})), 422, "invalid-request").await;
    // A session that did not use the factor needs more than the password.
    let alone = ask(&remove, json!({ "password": PASSWORD }));
    let problem = refuse(alone, 422, "invalid-request").await;
    assert_eq!(only_field(&problem), "otp");
    post(&recent, &remove, json!({ "password": PASSWORD }), 204).await;
    let gone = ask(&remove, json!({ "password": PASSWORD }));
    refuse(gone, 404, "passkey-not-found").await;
    sign_in(&client, &password()).await.unwrap();
}

#[tokio::test]
async fn any_one_factor_is_enough_and_a_copy_of_a_device_is_noticed() {
    let (host, client) = host().await;
    let page = host.url().replace("127.0.0.1", "localhost");
    set(&client, "management", json!({ "public_url": page })).await;
    let mut device = Device::at(&page);
    device.register(&client, "phone").await;
    let request = device.answer(&challenge(&client).await).await;
    let signed_in = sign_in(&client, &request).await.unwrap();
    let mut app = App::confirmed(&client.with_token(&signed_in.access_token)).await;
    let mut copy = device.clone();
    let wanted = refused(&client, &password()).await;
    assert_eq!(wanted.factors, [FactorKind::Totp, FactorKind::Passkey]);
    sign_in(&client, &with(&app.next().await)).await.unwrap();

    for _ in 0..2 {
        let request = device.answer(&challenge(&client).await).await;
        sign_in(&client, &request).await.unwrap();
    }
    let request = copy.answer(&challenge(&client).await).await;
    assert_eq!(refused(&client, &request).await.error, "invalid_grant");
    assert!(host.log().contains("there may be a copy of it"));

    // Without a name there is nothing to ask a passkey, and it still counts.
    let none = json!({ "public_url": host.url() });
    set(&client, "management", none).await;
    let wanted = refused(&client, &password()).await;
    assert_eq!(wanted.factors, [FactorKind::Totp]);
    assert_eq!(wanted.passkey, None);
}
