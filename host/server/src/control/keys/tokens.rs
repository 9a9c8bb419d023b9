//! What a key buys: short access tokens, and no refresh tokens. It asks again.

use std::time::Duration;

use muster_api::{
    keys::KeyState,
    permissions::{Permission, PermissionSet},
    tokens::{Introspection, TokenReply},
    users::UserState,
};
use muster_identity::secret;
use muster_store::{AccessKeyRecord, StoreError, UserRecord};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Keys, networks, rights_of, state};
use crate::control::{
    error::ControlError,
    rights::Rights,
    sessions::{AUDIENCE, words},
    sign_in::SignInError,
};

/// How often the use of a key is noted at most, so that reads stay reads.
const NOTED_EVERY: Duration = Duration::from_secs(60);

const WRONG_CLIENT: &str = "the access key is not known, or its secret is wrong";
const ENDED: &str = "the access key is not good any more";
const ELSEWHERE: &str = "the access key must not be used from this address";

/// What the access token of a key says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyClaims {
    /// The key's id, as `sub` and `client_id` have it too.
    key: String,
    sub: String,
    client_id: String,
    /// Which of the key's secrets bought it.
    generation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// A key that is in use, and what may be done with it.
#[derive(Debug)]
pub(crate) struct KeyUse {
    pub(crate) key: AccessKeyRecord,
    /// Its user; none for the host's own key.
    pub(crate) user: Option<UserRecord>,
    pub(crate) rights: Rights,
    /// What it may do at most, if that was limited.
    pub(crate) scopes: Option<PermissionSet>,
}

impl KeyUse {
    /// As whom the logs know it.
    pub(crate) fn name(&self) -> String {
        match &self.user {
            Some(user) => user.name.clone(),
            None => self.key.name.clone(),
        }
    }
}

impl Keys {
    /// The key of that id and secret, if it is good and used from where it may
    /// be; and which of its secrets that is.
    pub(crate) async fn authenticate(
        &self,
        id: &str,
        shown: &str,
        address: Option<&str>,
    ) -> Result<(AccessKeyRecord, String), SignInError> {
        let matches = |hash: &str| secret::matches(shown, hash);
        let now = muster_store::now();
        let refused = |why| SignInError::refused("invalid_client", why);
        let found = self.store.access_key_get(id).await?;
        let key = found.ok_or_else(|| refused(WRONG_CLIENT))?;
        let generation = match &key.previous {
            _ if matches(&key.secret_hash) => generation(&key.secret_hash),
            Some((hash, until)) if *until > now && matches(hash) => generation(hash),
            _ => return Err(refused(WRONG_CLIENT)),
        };
        if state(&key, now) != KeyState::Active {
            return Err(refused(ENDED));
        }
        self.user_of(&key).await?.map_err(refused)?;
        if !networks::allow(&key.networks, address) {
            return Err(refused(ELSEWHERE));
        }
        self.note_use(&key, address, now);
        Ok((key, generation))
    }

    /// Trades id and secret for an access token (RFC 6749, section 4.4).
    pub(crate) async fn by_secret(
        &self,
        id: &str,
        secret: &str,
        asked: Option<Vec<Permission>>,
        address: Option<&str>,
    ) -> Result<TokenReply, SignInError> {
        let (key, generation) = self.authenticate(id, secret, address).await?;
        let limit = key.scopes.as_deref();
        if let (Some(asked), Some(limit)) = (&asked, limit)
            && let Some(more) = asked.iter().find(|scope| !limit.contains(scope))
        {
            let why = format!("the access key does not have '{more}'");
            return Err(SignInError::refused("invalid_scope", &why));
        }
        let scope = asked.as_deref().or(limit).map(words);
        let now = muster_store::now();
        let left = key.expires_at.map_or(Duration::MAX, |at| {
            Duration::try_from(at - now).unwrap_or_default()
        });
        let life = Duration::from(self.tokens.settings().access_life).min(left);
        let claims = KeyClaims {
            sub: key.id.clone(),
            client_id: key.id.clone(),
            key: key.id,
            generation,
            scope: scope.clone(),
        };
        Ok(TokenReply {
            access_token: self.tokens.sign(AUDIENCE, life, &claims)?,
            token_type: "Bearer".to_owned(),
            expires_in: life.as_secs(),
            refresh_token: None,
            scope,
        })
    }

    /// The key that an access token stands for, if it is still good and used
    /// from where it may be, and what it may do now.
    pub(crate) async fn admit(
        &self,
        claims: &KeyClaims,
        address: Option<&str>,
    ) -> Result<KeyUse, ControlError> {
        let used = self.standing(claims).await?;
        if !networks::allow(&used.key.networks, address) {
            return Err(ControlError::Unauthorized(ELSEWHERE));
        }
        self.note_use(&used.key, address, muster_store::now());
        Ok(used)
    }

    /// What is known of the access token of a key, but for its times. From where it may be used
    /// does not count: whoever inspects it is somewhere else.
    pub(crate) async fn introspect(
        &self,
        claims: &KeyClaims,
    ) -> Result<Introspection, ControlError> {
        match self.standing(claims).await {
            Ok(used) => Ok(Introspection {
                active: true,
                scope: claims.scope.clone(),
                client_id: Some(claims.key.clone()),
                username: Some(used.name()),
                sub: Some(claims.sub.clone()),
                exp: None,
                iat: None,
            }),
            Err(ControlError::Unauthorized(_)) => Ok(Introspection::default()),
            Err(error) => Err(error),
        }
    }

    async fn standing(&self, claims: &KeyClaims) -> Result<KeyUse, ControlError> {
        let ended = ControlError::Unauthorized(ENDED);
        let now = muster_store::now();
        let found = self.store.access_key_get(&claims.key).await?;
        let Some(key) = found.filter(|key| state(key, now) == KeyState::Active) else {
            return Err(ended);
        };
        let old = key.previous.as_ref().filter(|(_, until)| *until > now);
        let bought_by = |hash: &str| generation(hash) == claims.generation;
        if !bought_by(&key.secret_hash) && !old.is_some_and(|(hash, _)| bought_by(hash)) {
            return Err(ended);
        }
        let user = self.user_of(&key).await?;
        let user = user.map_err(ControlError::Unauthorized)?;
        let mut rights = rights_of(&self.store, &key).await?;
        let mut scopes: Option<PermissionSet> = key
            .scopes
            .as_ref()
            .map(|scopes| scopes.iter().copied().collect());
        if let Some(scope) = &claims.scope {
            let asked = scope.split_ascii_whitespace().flat_map(str::parse);
            let asked: PermissionSet = asked.collect();
            rights.limit(asked);
            scopes = Some(scopes.map_or(asked, |scopes| scopes.within(asked)));
        }
        Ok(KeyUse {
            key,
            user,
            rights,
            scopes,
        })
    }

    /// Whom a key acts for, unless it is the host's own; or why it does not: a
    /// key is good for as long as its user is active.
    async fn user_of(
        &self,
        key: &AccessKeyRecord,
    ) -> Result<Result<Option<UserRecord>, &'static str>, StoreError> {
        let Some(user) = key.user else {
            return Ok(Ok(None));
        };
        let user = self.store.user_by_id(user).await?;
        let user = user.filter(|user| user.state == UserState::Active);
        Ok(user.map(Some).ok_or(ENDED))
    }

    /// Notes now and then that a key was used, beside the request: a host that
    /// cannot write still answers.
    fn note_use(&self, key: &AccessKeyRecord, address: Option<&str>, now: OffsetDateTime) {
        let since = now - NOTED_EVERY;
        if key.last_used_at.is_some_and(|at| at > since) {
            return;
        }
        let (store, id, address) = (
            self.store.clone(),
            key.id.clone(),
            address.map(str::to_owned),
        );
        tokio::spawn(async move {
            let noted = store.write(move |tx| {
                Box::pin(async move {
                    tx.access_key_used(&id, now, address.as_deref(), since)
                        .await
                })
            });
            if let Err(error) = noted.await {
                tracing::warn!(%error, "the use of an access key cannot be noted");
            }
        });
    }
}

/// Which secret it was, by its hash; too little of it to be of use.
fn generation(hash: &str) -> String {
    hash.chars().take(12).collect()
}
