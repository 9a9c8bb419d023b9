use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData},
    crypto::rust_crypto::RustCryptoBackend,
    types::{
        Passkey as DeviceKey,
        ctap2::{Aaguid, Ctap2Error},
    },
};
use uuid::Uuid;

use super::*;

const ORIGIN: &str = "https://muster.example.com";
const ADA: UserId = UserId(Uuid::from_u128(1));
const BOB: UserId = UserId(Uuid::from_u128(2));

/// Somebody who is there and shows the right finger, or none.
#[derive(Clone, Copy)]
struct Finger {
    right: bool,
}

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
            verification: self.right,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A device, by the key in it, and the browser that speaks to it. A clone
/// is a copy that somebody made of the key.
#[derive(Clone)]
struct Device {
    key: Option<DeviceKey>,
    finger: Finger,
}

impl Device {
    fn new() -> Self {
        Self {
            key: None,
            finger: Finger { right: true },
        }
    }

    fn authenticator(&self) -> Authenticator<Option<DeviceKey>, Finger, RustCryptoBackend> {
        let id = Aaguid::new_empty();
        let mut device = Authenticator::new(id, self.key.clone(), self.finger, RustCryptoBackend);
        device.set_make_credentials_with_signature_counter(true);
        device
    }

    async fn create(&mut self, origin: &str, options: &Value) -> Value {
        let options = serde_json::from_value(options.clone()).unwrap();
        let origin = Url::parse(origin).unwrap();
        let mut client = Client::new(self.authenticator());
        let answer = client.register(&origin, options, DefaultClientData).await;
        self.key = client.authenticator().store().clone();
        serde_json::to_value(answer.unwrap()).unwrap()
    }

    async fn get(&mut self, origin: &str, options: &Value) -> Value {
        let options = serde_json::from_value(options.clone()).unwrap();
        let origin = Url::parse(origin).unwrap();
        let mut client = Client::new(self.authenticator());
        let answer = client
            .authenticate(&origin, options, DefaultClientData)
            .await;
        self.key = client.authenticator().store().clone();
        serde_json::to_value(answer.unwrap()).unwrap()
    }
}

fn site() -> Passkeys {
    let origins = [ORIGIN, "https://eu.muster.example.com"];
    Passkeys::new("Muster", "muster.example.com", &origins).unwrap()
}

async fn registered(site: &Passkeys) -> (Device, Passkey) {
    let mut device = Device::new();
    let started = site.start_registration(ADA, "ada", "Ada", &[]).unwrap();
    let answer = device.create(ORIGIN, &started.options).await;
    let passkey = site
        .finish_registration(ADA, &started.state, answer)
        .unwrap();
    (device, passkey)
}

/// One authentication with whatever the device holds.
async fn enter(
    site: &Passkeys,
    device: &mut Device,
    origin: &str,
    passkeys: &[Passkey],
) -> Result<Passkey, PasskeyError> {
    let started = site.start_authentication(ADA, passkeys)?;
    let answer = device.get(origin, &started.options).await;
    site.finish_authentication(ADA, &started.state, answer, passkeys)
}

#[tokio::test]
async fn a_registered_passkey_lets_its_owner_in_at_every_address_of_the_site() {
    let site = site();
    let (mut device, mut passkey) = registered(&site).await;
    for origin in [ORIGIN, "https://eu.muster.example.com", ORIGIN] {
        let used = enter(&site, &mut device, origin, std::slice::from_ref(&passkey))
            .await
            .unwrap();
        assert_eq!(used.id, passkey.id);
        assert_ne!(used.data, passkey.data, "the counter moves");
        passkey = used;
    }
}

#[tokio::test]
async fn answers_that_were_made_for_another_address_are_refused() {
    let site = site();
    // The device would sign for any subdomain; only two are the site's.
    let elsewhere = "https://evil.muster.example.com";
    let started = site.start_registration(ADA, "ada", "Ada", &[]).unwrap();
    let answer = Device::new().create(elsewhere, &started.options).await;
    let result = site.finish_registration(ADA, &started.state, answer);
    assert!(matches!(result, Err(PasskeyError::Refused(_))));

    let (mut device, passkey) = registered(&site).await;
    let result = enter(&site, &mut device, elsewhere, &[passkey]).await;
    assert!(matches!(result, Err(PasskeyError::Refused(_))));
}

#[tokio::test]
async fn an_answer_is_good_for_its_own_challenge_alone() {
    let site = site();
    let (mut device, passkey) = registered(&site).await;
    let passkeys = [passkey];
    let one = site.start_authentication(ADA, &passkeys).unwrap();
    let other = site.start_authentication(ADA, &passkeys).unwrap();
    let answer = device.get(ORIGIN, &one.options).await;
    let replayed = site.finish_authentication(ADA, &other.state, answer, &passkeys);
    assert!(matches!(replayed, Err(PasskeyError::Refused(_))));
}

#[tokio::test]
async fn a_state_is_good_for_its_own_user_and_ceremony_alone() {
    let site = site();
    let (mut device, passkey) = registered(&site).await;
    let passkeys = [passkey];
    let entering = site.start_authentication(ADA, &passkeys).unwrap();
    let answer = device.get(ORIGIN, &entering.options).await;
    let as_bob = site.finish_authentication(BOB, &entering.state, answer.clone(), &passkeys);
    assert!(matches!(as_bob, Err(PasskeyError::State(_))));
    let registering = site.start_registration(ADA, "ada", "Ada", &[]).unwrap();
    let mixed = site.finish_authentication(ADA, &registering.state, answer, &passkeys);
    assert!(matches!(mixed, Err(PasskeyError::State(_))));
    let answer = Device::new().create(ORIGIN, &registering.options).await;
    let as_bob = site.finish_registration(BOB, &registering.state, answer.clone());
    assert!(matches!(as_bob, Err(PasskeyError::State(_))));
    let mixed = site.finish_registration(ADA, &entering.state, answer);
    assert!(matches!(mixed, Err(PasskeyError::State(_))));
}

#[tokio::test]
async fn a_passkey_of_somebody_else_does_not_open() {
    let site = site();
    let (_, adas) = registered(&site).await;
    let (mut bobs_device, bobs) = registered(&site).await;
    let bobs_way = site.start_authentication(ADA, &[bobs]).unwrap();
    let answer = bobs_device.get(ORIGIN, &bobs_way.options).await;
    let started = site
        .start_authentication(ADA, std::slice::from_ref(&adas))
        .unwrap();
    let result = site.finish_authentication(ADA, &started.state, answer, &[adas]);
    assert!(matches!(result, Err(PasskeyError::Refused(_))));
}

#[tokio::test]
async fn a_passkey_that_was_removed_meanwhile_does_not_open() {
    let site = site();
    let (mut device, passkey) = registered(&site).await;
    let started = site.start_authentication(ADA, &[passkey]).unwrap();
    let answer = device.get(ORIGIN, &started.options).await;
    let result = site.finish_authentication(ADA, &started.state, answer, &[]);
    assert!(matches!(result, Err(PasskeyError::Refused(_))));
    let none = site.start_authentication(ADA, &[]);
    assert!(matches!(none, Err(PasskeyError::None)));
}

#[tokio::test]
async fn a_copy_of_the_key_is_noticed_by_its_counter() {
    let site = site();
    let (mut device, passkey) = registered(&site).await;
    let mut copy = device.clone();
    let used = enter(&site, &mut device, ORIGIN, &[passkey]).await.unwrap();
    let result = enter(&site, &mut copy, ORIGIN, std::slice::from_ref(&used)).await;
    assert_eq!(result, Err(PasskeyError::Cloned { id: used.id }));
}

#[tokio::test]
async fn a_copy_is_noticed_even_if_both_began_before_either_ended() {
    let site = site();
    let (mut device, passkey) = registered(&site).await;
    let mut copy = device.clone();
    let before = [passkey];
    let one = site.start_authentication(ADA, &before).unwrap();
    let other = site.start_authentication(ADA, &before).unwrap();
    let answer = device.get(ORIGIN, &one.options).await;
    let used = site
        .finish_authentication(ADA, &one.state, answer, &before)
        .unwrap();
    let answer = copy.get(ORIGIN, &other.options).await;
    let id = used.id.clone();
    let result = site.finish_authentication(ADA, &other.state, answer, &[used]);
    assert_eq!(result, Err(PasskeyError::Cloned { id }));
}

#[tokio::test]
async fn being_there_is_not_enough() {
    let site = site();
    let (mut device, passkey) = registered(&site).await;
    let started = site
        .start_authentication(ADA, std::slice::from_ref(&passkey))
        .unwrap();
    // A browser that does not ask for the finger, and a device that
    // answers all the same.
    let mut options = started.options.clone();
    options["publicKey"]["userVerification"] = "discouraged".into();
    device.finger.right = false;
    let answer = device.get(ORIGIN, &options).await;
    let result = site.finish_authentication(ADA, &started.state, answer, &[passkey]);
    assert!(
        matches!(result, Err(PasskeyError::Refused(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn an_answer_that_was_tampered_with_is_refused() {
    let site = site();
    let (mut device, passkey) = registered(&site).await;
    let passkeys = [passkey];
    let started = site.start_authentication(ADA, &passkeys).unwrap();
    let answer = device.get(ORIGIN, &started.options).await;
    let finish = |answer| site.finish_authentication(ADA, &started.state, answer, &passkeys);
    for field in ["signature", "authenticatorData", "clientDataJSON"] {
        let mut changed = answer.clone();
        let text = changed["response"][field].as_str().unwrap();
        let flipped = if text.starts_with('A') { "B" } else { "A" };
        changed["response"][field] = format!("{flipped}{}", &text[1..]).into();
        let result = finish(changed);
        assert!(result.is_err(), "{field}: {result:?}");
    }
    for nonsense in [
        Value::Null,
        serde_json::json!({}),
        serde_json::json!([1]),
        "x".into(),
    ] {
        assert!(matches!(finish(nonsense), Err(PasskeyError::Malformed(_))));
    }
    assert!(finish(answer).is_ok(), "unchanged it is good");
}

#[tokio::test]
async fn a_device_that_is_registered_is_named_so_that_it_refuses() {
    let site = site();
    let (_, passkey) = registered(&site).await;
    let again = site
        .start_registration(ADA, "ada", "Ada", std::slice::from_ref(&passkey))
        .unwrap();
    let excluded = &again.options["publicKey"]["excludeCredentials"][0]["id"];
    assert_eq!(excluded, &Value::from(passkey.id));
}

#[test]
fn addresses_at_which_passkeys_cannot_work_are_refused() {
    for (domain, origin) in [
        ("127.0.0.1", "http://127.0.0.1:7480"),
        ("muster.example.com", "https://example.com"),
        ("muster.example.com", "https://evilmuster.example.com"),
        (
            "muster.example.com",
            "https://muster.example.com.evil.example",
        ),
        ("muster.example.com", "not an address"),
    ] {
        let good = format!("https://{domain}");
        for origins in [vec![origin], vec![good.as_str(), origin]] {
            let result = Passkeys::new("Muster", domain, &origins);
            assert!(
                matches!(result, Err(PasskeyError::Address { .. })),
                "{origins:?}"
            );
        }
    }
    assert!(Passkeys::new("Muster", "localhost", &["http://localhost:7480"]).is_ok());
    assert!(Passkeys::new("Muster", "muster.example.com", &[]).is_err());
}
