//! Attacks on tokens, and what every token must go through.

mod claims;
mod forgeries;
mod rotation;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use muster_api::config::tokens::{Algorithm, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

use super::{KeyRecord, KeyRing, TokenError};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const LIFE: Duration = Duration::from_secs(600);
const AUDIENCE: &str = "muster-api";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    sub: String,
}

fn ada() -> Claims {
    Claims { sub: "ada".into() }
}

fn config(algorithms: &[Algorithm]) -> Tokens {
    Tokens {
        issuer: Some("muster".to_owned()),
        algorithms: algorithms.to_vec(),
        ..Tokens::default()
    }
}

const BOTH: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::Es256];

/// A ring with a key of each algorithm; the one of `signs` is the newer.
struct Fixture {
    ring: KeyRing,
    ed: KeyRecord,
    ec: KeyRecord,
}

fn fixture(signs: Algorithm) -> Fixture {
    let age = |algorithm| if algorithm == signs { 10 } else { 20 };
    let made =
        |algorithm| KeyRecord::generate(algorithm, NOW - Duration::from_secs(age(algorithm)));
    let (ed, ec) = (
        made(Algorithm::EdDsa).unwrap(),
        made(Algorithm::Es256).unwrap(),
    );
    let ring = KeyRing::new(&[ed.clone(), ec.clone()], &config(&BOTH)).unwrap();
    Fixture { ring, ed, ec }
}

impl Fixture {
    fn token(&self) -> String {
        self.ring.sign(AUDIENCE, LIFE, NOW, &ada()).unwrap()
    }

    fn refused(&self, token: &str) -> TokenError {
        self.ring
            .verify::<Claims>(token, AUDIENCE, NOW)
            .expect_err(token)
    }

    /// A token with any header and claims, signed as the key of `record`
    /// would, whatever the header says.
    fn forge(record: &KeyRecord, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let key = super::Key::read(record).unwrap();
        let signature = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &key.encoding,
            super::jwt(record.algorithm),
        )
        .unwrap();
        format!("{message}.{signature}")
    }

    /// Signed properly by the Ed25519 key, but for what `change` changes.
    fn signed(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let mut header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.ed.kid});
        let mut claims = good_claims();
        change(&mut header, &mut claims);
        Self::forge(&self.ed, &header, &claims)
    }
}

fn good_claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({
        "iss": "muster", "aud": AUDIENCE, "sub": "ada", "iat": now, "nbf": now, "exp": now + 600,
        "jti": "019ab000-0000-7000-8000-000000000000",
    })
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
