//! Whether an id token is what it says.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use muster_api::config::sign_in::{OidcAlgorithm, OidcSettings};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId,
    EmptyExtraTokenFields, IdTokenVerifier, Nonce, SignatureVerificationError,
    core::{
        CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
        CoreProviderMetadata,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The claims that the standard has no names for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AllClaims {
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl AdditionalClaims for AllClaims {}

/// An id token with all claims.
pub type IdToken = openidconnect::IdToken<
    AllClaims,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// What comes with an access token.
pub type IdTokenFields = openidconnect::IdTokenFields<
    AllClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// Why an id token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Forged {
    /// It is signed with a key that is not among the provider's.
    #[error("it is signed with an unknown key")]
    UnknownKey,
    /// Its signature is not the provider's, or of a kind that is not believed.
    #[error("its signature: {0}")]
    Signature(SignatureVerificationError),
    /// A rule of the standard is broken.
    #[error(transparent)]
    Broken(ClaimsVerificationError),
    /// It was made for somebody else, who passed it on.
    #[error("the authorised party is {0:?}")]
    OtherParty(String),
    /// It is not valid yet.
    #[error("it is from the future")]
    Future,
    /// The access token beside it is not the one that it speaks of.
    #[error("it is for another access token")]
    OtherAccessToken,
    /// It has no claims.
    #[error("it is no object")]
    NoObject,
}

impl From<ClaimsVerificationError> for Forged {
    fn from(error: ClaimsVerificationError) -> Self {
        match error {
            ClaimsVerificationError::SignatureVerification(error) => error.into(),
            error => Self::Broken(error),
        }
    }
}

impl From<SignatureVerificationError> for Forged {
    fn from(error: SignatureVerificationError) -> Self {
        match error {
            SignatureVerificationError::NoMatchingKey => Self::UnknownKey,
            error => Self::Signature(error),
        }
    }
}

/// All claims of an id token, if it is the provider's word to us, about this
/// sign-in, and valid now.
///
/// # Errors
/// If it is not.
pub fn verify(
    settings: &OidcSettings,
    provider: &CoreProviderMetadata,
    id_token: &IdToken,
    access_token: &AccessToken,
    nonce: &Nonce,
) -> Result<Map<String, Value>, Forged> {
    let leeway = TimeDelta::milliseconds(i64::try_from(settings.leeway.0).unwrap_or(i64::MAX / 2));
    let verifier = IdTokenVerifier::new_public_client(
        ClientId::new(settings.client_id.clone()),
        provider.issuer().clone(),
        provider.jwks().clone(),
    )
    .set_allowed_algs(algorithms(&settings.algorithms))
    .set_time_fn(move || earlier(leeway))
    .set_issue_time_verifier_fn(move |issued| {
        if earlier(leeway) + leeway + leeway < issued {
            return Err("it was issued in the future".to_owned());
        }
        Ok(())
    });
    let claims = id_token.claims(&verifier, nonce)?;
    if let Some(party) = claims.authorized_party()
        && party.as_str() != settings.client_id
    {
        return Err(Forged::OtherParty(party.to_string()));
    }
    if let Some(hash) = claims.access_token_hash() {
        let algorithm = id_token.signing_alg()?;
        let key = id_token.signing_key(&verifier)?;
        let actual = AccessTokenHash::from_token(access_token, algorithm, key)
            .map_err(|_| Forged::OtherAccessToken)?;
        if actual != *hash {
            return Err(Forged::OtherAccessToken);
        }
    }
    let Ok(Value::Object(claims)) = serde_json::to_value(claims) else {
        return Err(Forged::NoObject);
    };
    let valid_from = claims.get("nbf").and_then(Value::as_f64).unwrap_or(0.0);
    #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    if valid_from > (earlier(leeway) + leeway + leeway).timestamp() as f64 {
        return Err(Forged::Future);
    }
    Ok(claims)
}

/// A while ago.
fn earlier(leeway: TimeDelta) -> chrono::DateTime<Utc> {
    Utc::now()
        .checked_sub_signed(leeway)
        .unwrap_or(chrono::DateTime::UNIX_EPOCH)
}

fn algorithms(names: &BTreeSet<OidcAlgorithm>) -> Vec<CoreJwsSigningAlgorithm> {
    names
        .iter()
        .map(|name| match name {
            OidcAlgorithm::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            OidcAlgorithm::RS384 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
            OidcAlgorithm::RS512 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
            OidcAlgorithm::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            OidcAlgorithm::PS384 => CoreJwsSigningAlgorithm::RsaSsaPssSha384,
            OidcAlgorithm::PS512 => CoreJwsSigningAlgorithm::RsaSsaPssSha512,
            OidcAlgorithm::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            OidcAlgorithm::ES384 => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
            OidcAlgorithm::EdDSA => CoreJwsSigningAlgorithm::EdDsa,
        })
        .collect()
}

#[cfg(test)]
mod tests;
