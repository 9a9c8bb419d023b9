//! Access tokens: signed, short, and bound to a session.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use muster_store::Store;
use serde::{Serialize, de::DeserializeOwned};

use super::error::ControlError;

const ISSUER: &str = "muster";
/// The setting that holds the signing key.
const KEY_SETTING: &str = "token-signing-key";

const WRONG_TOKEN: &str = "the access token is missing, wrong or expired";

/// Signs and checks tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tokens {
    /// Takes the signing key from the store; makes it on first use.
    pub(crate) async fn open(store: &Store) -> Result<Self, ControlError> {
        let key = match store.setting_get::<String>(KEY_SETTING).await? {
            Some(key) => key,
            None => {
                let key = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
                let kept = key.clone();
                store
                    .write(move |tx| {
                        Box::pin(async move { tx.setting_put(KEY_SETTING, &kept).await })
                    })
                    .await?;
                key
            }
        };
        Ok(Self {
            encoding: EncodingKey::from_secret(key.as_bytes()),
            decoding: DecodingKey::from_secret(key.as_bytes()),
        })
    }

    /// Who tokens say they are from.
    pub(crate) fn issuer(&self) -> String {
        ISSUER.to_owned()
    }

    pub(crate) fn sign<T: Serialize>(&self, claims: &T) -> Result<String, ControlError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|error| ControlError::Internal(format!("a token cannot be signed: {error}")))
    }

    pub(crate) fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<T, ControlError> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 5;
        jsonwebtoken::decode::<T>(token, &self.decoding, &validation)
            .map(|data| data.claims)
            .map_err(|_| ControlError::Unauthorized(WRONG_TOKEN))
    }
}
