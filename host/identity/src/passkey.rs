//! Passkeys (WebAuthn): a device signs a challenge with a key that never
//! leaves it, for this site alone, once its owner has shown a finger or a PIN.
//!
//! Each ceremony has two halves. The first gives options for the browser and
//! a state, which the server keeps for a few minutes in a row of its own; the
//! second takes the state, **which is deleted in the same moment**, and what
//! the browser answered. A state that is used twice would allow a replay.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use muster_api::id::UserId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use webauthn_rs::prelude::{
    CredentialID, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Webauthn, WebauthnBuilder, WebauthnError,
};

/// Why a ceremony failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// Passkeys cannot work at this address.
    #[error(
        "passkeys cannot be used at {origin}: they need a host name that is or ends in '{domain}', and no IP address"
    )]
    Address {
        /// The address of the site.
        origin: String,
        /// The domain that passkeys are bound to.
        domain: String,
    },
    /// There is no passkey to use.
    #[error("there is no passkey")]
    None,
    /// What the browser answered cannot be read.
    #[error("the browser's answer cannot be read: {0}")]
    Malformed(String),
    /// What is stored cannot be read, or is of another ceremony.
    #[error("the stored state of the passkey cannot be used: {0}")]
    State(String),
    /// The answer is not good. The reason is for logs.
    #[error("the passkey was not accepted: {0}")]
    Refused(String),
    /// The device has signed fewer times than it had before: there is a copy
    /// of its key. To be refused, and told to the owner.
    #[error("the passkey {id} was used out of order: there may be a copy of it")]
    Cloned {
        /// Which one.
        id: String,
    },
}

/// A registered passkey as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// Its id in base64url, unique among all users.
    pub id: String,
    /// Public key, counter and what else must be known of it, as JSON. Nothing
    /// in it is secret.
    pub data: String,
}

/// The first half of a ceremony.
#[derive(Debug, Clone)]
pub struct Started {
    /// For the browser: the argument of `navigator.credentials.create` or
    /// `get`, with bytes in base64url.
    pub options: Value,
    /// For the server to keep.
    pub state: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    registering: UserId,
    state: PasskeyRegistration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authentication {
    authenticating: UserId,
    state: PasskeyAuthentication,
}

/// Registers passkeys and lets people in by them.
#[derive(Debug, Clone)]
pub struct Passkeys {
    webauthn: Webauthn,
}

impl Passkeys {
    /// For a site whose pages are at `origins`, such as
    /// `https://muster.example.com` or, for trying out,
    /// `http://localhost:7480`. Every one must be at `domain` or below it.
    /// `site` is what people see. A passkey is bound to `domain` for ever.
    ///
    /// # Errors
    ///
    /// [`PasskeyError::Address`] for the first origin that cannot be.
    pub fn new(site: &str, domain: &str, origins: &[&str]) -> Result<Self, PasskeyError> {
        let address = |origin: &str| PasskeyError::Address {
            origin: origin.to_owned(),
            domain: domain.to_owned(),
        };
        let mut parsed = Vec::with_capacity(origins.len());
        for origin in origins {
            let url = Url::parse(origin).map_err(|_| address(origin))?;
            // The library checks only the first.
            WebauthnBuilder::new(domain, &url).map_err(|_| address(origin))?;
            parsed.push(url);
        }
        let [first, others @ ..] = parsed.as_slice() else {
            return Err(address("no address"));
        };
        let mut builder = WebauthnBuilder::new(domain, first)
            .map_err(|_| address(first.as_str()))?
            .rp_name(site);
        for origin in others {
            builder = builder.append_allowed_origin(origin);
        }
        let webauthn = builder.build().map_err(|_| address(first.as_str()))?;
        Ok(Self { webauthn })
    }

    /// Begins to register a passkey for a user who has `existing` ones. `name`
    /// and `display_name` are what the device shows.
    ///
    /// # Errors
    ///
    /// If an existing passkey cannot be read.
    pub fn start_registration(
        &self,
        user: UserId,
        name: &str,
        display_name: &str,
        existing: &[Passkey],
    ) -> Result<Started, PasskeyError> {
        let exclude: Vec<CredentialID> = read(existing)?
            .iter()
            .map(|passkey| passkey.cred_id().clone())
            .collect();
        let (options, state) = self
            .webauthn
            .start_passkey_registration(user.0, name, display_name, Some(exclude))
            .map_err(refused)?;
        let registering = user;
        started(&options, &Registration { registering, state })
    }

    /// Ends a registration. The caller refuses a passkey whose id is there
    /// already, whosever it is.
    ///
    /// # Errors
    ///
    /// If the answer is not good or was not asked for of this user.
    pub fn finish_registration(
        &self,
        user: UserId,
        state: &str,
        answer: Value,
    ) -> Result<Passkey, PasskeyError> {
        let ceremony: Registration = stored(state)?;
        if ceremony.registering != user {
            return Err(PasskeyError::State("it is another user's".to_owned()));
        }
        let answer: RegisterPublicKeyCredential = answered(answer)?;
        let passkey = self
            .webauthn
            .finish_passkey_registration(&answer, &ceremony.state)
            .map_err(refused)?;
        write(&passkey)
    }

    /// Begins to let a user in by any of their passkeys.
    ///
    /// # Errors
    ///
    /// [`PasskeyError::None`], or if one cannot be read.
    pub fn start_authentication(
        &self,
        user: UserId,
        passkeys: &[Passkey],
    ) -> Result<Started, PasskeyError> {
        if passkeys.is_empty() {
            return Err(PasskeyError::None);
        }
        let (options, state) = self
            .webauthn
            .start_passkey_authentication(&read(passkeys)?)
            .map_err(refused)?;
        let authenticating = user;
        started(
            &options,
            &Authentication {
                authenticating,
                state,
            },
        )
    }

    /// Ends an authentication. `passkeys` are those that the user has now.
    /// Gives the one that was used, to be stored in place of the one with its
    /// id: its counter has moved.
    ///
    /// # Errors
    ///
    /// If the answer is not good, was not asked for of this user, or is of a
    /// passkey that is gone; [`PasskeyError::Cloned`] if its counter went
    /// back.
    pub fn finish_authentication(
        &self,
        user: UserId,
        state: &str,
        answer: Value,
        passkeys: &[Passkey],
    ) -> Result<Passkey, PasskeyError> {
        let ceremony: Authentication = stored(state)?;
        if ceremony.authenticating != user {
            return Err(PasskeyError::State("it is another user's".to_owned()));
        }
        let answer: PublicKeyCredential = answered(answer)?;
        let cloned = || PasskeyError::Cloned {
            id: URL_SAFE_NO_PAD.encode(&answer.raw_id),
        };
        let result = self
            .webauthn
            .finish_passkey_authentication(&answer, &ceremony.state)
            .map_err(|error| match error {
                WebauthnError::CredentialPossibleCompromise => cloned(),
                error => refused(error),
            })?;
        let mut used = read(passkeys)?
            .into_iter()
            .find(|passkey| passkey.cred_id() == result.cred_id())
            .ok_or_else(|| PasskeyError::Refused("it was removed meanwhile".to_owned()))?;
        // The library compares with the counter as it was when the ceremony
        // began; a copy may have been used since.
        let before = counter(&used)?;
        if before > 0 && u64::from(result.counter()) <= before {
            return Err(cloned());
        }
        used.update_credential(&result);
        write(&used)
    }
}

fn started(options: &impl Serialize, state: &impl Serialize) -> Result<Started, PasskeyError> {
    let unwritable = |error: serde_json::Error| PasskeyError::State(error.to_string());
    Ok(Started {
        options: serde_json::to_value(options).map_err(unwritable)?,
        state: serde_json::to_string(state).map_err(unwritable)?,
    })
}

fn stored<T: DeserializeOwned>(text: &str) -> Result<T, PasskeyError> {
    serde_json::from_str(text).map_err(|error| PasskeyError::State(error.to_string()))
}

fn answered<T: DeserializeOwned>(answer: Value) -> Result<T, PasskeyError> {
    serde_json::from_value(answer).map_err(|error| PasskeyError::Malformed(error.to_string()))
}

fn read(passkeys: &[Passkey]) -> Result<Vec<webauthn_rs::prelude::Passkey>, PasskeyError> {
    passkeys
        .iter()
        .map(|passkey| stored(&passkey.data))
        .collect()
}

fn write(passkey: &webauthn_rs::prelude::Passkey) -> Result<Passkey, PasskeyError> {
    let unwritable = |error: serde_json::Error| PasskeyError::State(error.to_string());
    Ok(Passkey {
        id: URL_SAFE_NO_PAD.encode(passkey.cred_id()),
        data: serde_json::to_string(passkey).map_err(unwritable)?,
    })
}

/// How often a passkey has signed, as far as was seen. The library shows it
/// nowhere but in what it writes.
fn counter(passkey: &webauthn_rs::prelude::Passkey) -> Result<u64, PasskeyError> {
    serde_json::to_value(passkey)
        .ok()
        .and_then(|value| value.pointer("/cred/counter")?.as_u64())
        .ok_or_else(|| PasskeyError::State("it has no counter".to_owned()))
}

fn refused(error: WebauthnError) -> PasskeyError {
    PasskeyError::Refused(error.to_string())
}

#[cfg(test)]
mod tests {
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
            let mut device =
                Authenticator::new(id, self.key.clone(), self.finger, RustCryptoBackend);
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
}
