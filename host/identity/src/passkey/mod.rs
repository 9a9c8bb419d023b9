//! Passkeys (WebAuthn): a device signs a challenge with a key that never
//! leaves it, for this site alone, once its owner has shown a finger or a PIN.
//!
//! Each ceremony has two halves. The first gives options for the browser and
//! a state, which the server keeps for a few minutes in a row of its own; the
//! second takes the state, **which is deleted in the same moment**, and what
//! the browser answered. A state that is used twice would allow a replay.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

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
        // The library would write an error into the log for what is no error.
        let name = domain.trim_start_matches('[').trim_end_matches(']');
        if name.is_empty() || name.parse::<IpAddr>().is_ok() {
            return Err(address(origins.first().copied().unwrap_or_default()));
        }
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
