//! Tokens: a password buys a short access token and a refresh token that is
//! used up by its first use.

use std::time::Duration;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use muster_api::{
    id::UserId,
    tokens::{TokenReply, TokenRequest},
};
use muster_store::{RefreshTokenRecord, Store, UserRecord};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::ControlError;

/// How long an access token is good.
const ACCESS_LIFE: Duration = Duration::from_secs(600);
/// How long a refresh token is good.
const REFRESH_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
const ISSUER: &str = "muster";
const AUDIENCE: &str = "muster-api";
/// The setting that holds the signing key.
const KEY_SETTING: &str = "token-signing-key";

const WRONG_PASSWORD: &str = "the user name or the password is wrong";
const WRONG_REFRESH: &str = "the refresh token is not good any more; log in again";
const WRONG_ACCESS: &str = "the access token is missing, wrong or expired";

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The user's id.
    pub(crate) sub: UserId,
    /// The user's name.
    pub(crate) name: String,
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
    jti: Uuid,
}

/// Gives out and checks tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    store: Store,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    /// The hash of a password that nobody has, so that unknown names take as
    /// long as known ones.
    nobody: String,
}

impl Tokens {
    /// Takes the signing key from the store; makes it on first use.
    pub(crate) async fn open(store: Store) -> Result<Self, ControlError> {
        let key = match store.setting_get::<String>(KEY_SETTING).await? {
            Some(key) => key,
            None => {
                let key = secret();
                let kept = key.clone();
                store
                    .write(move |tx| {
                        Box::pin(async move { tx.setting_put(KEY_SETTING, &kept).await })
                    })
                    .await?;
                key
            }
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 5;
        Ok(Self {
            store,
            encoding: EncodingKey::from_secret(key.as_bytes()),
            decoding: DecodingKey::from_secret(key.as_bytes()),
            validation,
            nobody: hash_password(&secret()).await?,
        })
    }

    /// Makes the first user, unless there is one. A password that is made up
    /// here is told before it counts: a host that is cut off in between makes
    /// up another one at its next start.
    pub(crate) async fn ensure_admin(
        &self,
        password: Option<String>,
        tell: impl FnOnce(&str),
    ) -> Result<(), ControlError> {
        if self.store.user_count().await? > 0 {
            return Ok(());
        }
        let password = password.unwrap_or_else(|| {
            let made_up = secret();
            tell(&made_up);
            made_up
        });
        let user = UserRecord {
            id: UserId(Uuid::now_v7()),
            name: "admin".to_owned(),
            password_hash: hash_password(&password).await?,
            admin: true,
            created_at: muster_store::now(),
        };
        self.store
            .write(move |tx| Box::pin(async move { tx.user_insert(&user).await }))
            .await?;
        Ok(())
    }

    /// Answers a request for tokens.
    pub(crate) async fn grant(&self, request: TokenRequest) -> Result<TokenReply, ControlError> {
        match request {
            TokenRequest::Password { username, password } => {
                let user = self.store.user_by_name(&username).await?;
                let hash = user
                    .as_ref()
                    .map_or_else(|| self.nobody.clone(), |user| user.password_hash.clone());
                let good = verify_password(password, hash).await?;
                let user = user
                    .filter(|_| good)
                    .ok_or(ControlError::Unauthorized(WRONG_PASSWORD))?;
                self.pair(&user, Uuid::now_v7()).await
            }
            TokenRequest::RefreshToken { refresh_token } => self.refresh(&refresh_token).await,
        }
    }

    /// Checks an access token.
    pub(crate) fn check(&self, token: &str) -> Result<Claims, ControlError> {
        jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map(|data| data.claims)
            .map_err(|_| ControlError::Unauthorized(WRONG_ACCESS))
    }

    /// Uses up a refresh token and gives its successor, in one transaction: of
    /// several uses at once one is first, and the others end the family,
    /// successor included. Somebody has a copy then.
    async fn refresh(&self, token: &str) -> Result<TokenReply, ControlError> {
        let hash = digest(token);
        let now = muster_store::now();
        let refused = || ControlError::Unauthorized(WRONG_REFRESH);
        let found = self.store.refresh_token_by_hash(&hash).await?;
        let found = found
            .filter(|found| found.expires_at > now)
            .ok_or_else(refused)?;
        let user = self
            .store
            .user_by_id(found.user)
            .await?
            .ok_or_else(refused)?;
        let (reply, successor) = self.sign(&user, found.family)?;
        let first = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let first = tx.refresh_token_mark_used(found.id, now).await?;
                    if first {
                        tx.refresh_token_insert(&successor).await?;
                    } else {
                        tx.refresh_token_family_revoke(found.family).await?;
                    }
                    Ok(first)
                })
            })
            .await?;
        if first { Ok(reply) } else { Err(refused()) }
    }

    async fn pair(&self, user: &UserRecord, family: Uuid) -> Result<TokenReply, ControlError> {
        let (reply, record) = self.sign(user, family)?;
        self.store
            .write(move |tx| Box::pin(async move { tx.refresh_token_insert(&record).await }))
            .await?;
        Ok(reply)
    }

    /// A pair of tokens, and what must be kept for the second to be good.
    fn sign(
        &self,
        user: &UserRecord,
        family: Uuid,
    ) -> Result<(TokenReply, RefreshTokenRecord), ControlError> {
        let now = muster_store::now();
        let issued = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        let claims = Claims {
            sub: user.id,
            name: user.name.clone(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: issued,
            exp: issued + ACCESS_LIFE.as_secs(),
            jti: Uuid::now_v7(),
        };
        let access_token =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(
                |error| ControlError::Internal(format!("a token cannot be signed: {error}")),
            )?;
        let refresh_token = secret();
        let record = RefreshTokenRecord {
            id: Uuid::now_v7(),
            user: user.id,
            hash: digest(&refresh_token),
            family,
            expires_at: now + REFRESH_LIFE,
            used_at: None,
            created_at: now,
        };
        let reply = TokenReply {
            access_token,
            token_type: "Bearer".to_owned(),
            expires_in: ACCESS_LIFE.as_secs(),
            refresh_token,
        };
        Ok((reply, record))
    }
}

/// 256 random bits as text.
pub(crate) fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

fn digest(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

async fn hash_password(password: &str) -> Result<String, ControlError> {
    let password = password.to_owned();
    off_thread(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string()).map_err(|error| {
            ControlError::Internal(format!("a password cannot be hashed: {error}"))
        })
    })
    .await
}

async fn verify_password(password: String, hash: String) -> Result<bool, ControlError> {
    off_thread(move || {
        let hash = PasswordHash::new(&hash).map_err(|error| {
            ControlError::Internal(format!("a password hash cannot be read: {error}"))
        })?;
        Ok(Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok())
    })
    .await
}

/// Hashing takes tens of milliseconds of computing by design.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ControlError> + Send + 'static,
) -> Result<T, ControlError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ControlError::Internal(format!("the hashing thread failed: {error}")))?
}
