//! Sessions: each sign-in, the tokens it gets, and its end. A refresh token is
//! used up by its first use; its second use ends the session.

mod looked_after;

use std::time::Duration;

use muster_api::{
    id::{SessionId, UserId},
    permissions::Permission,
    tokens::{Introspection, TokenReply},
    users::UserState,
};
use muster_identity::{keyring::Verified, secret};
use muster_store::{ChangeKind, RefreshTokenRecord, SessionRecord, Store, Tx, UserRecord};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    error::ControlError,
    keys::KeyClaims,
    record::{Actor, Change, record},
    terms::Terms,
    terms_of_use,
    tokens::Tokens,
};

/// For whom access tokens are.
pub(crate) const AUDIENCE: &str = "muster-api";

const WRONG_REFRESH: &str = "the refresh token is not good any more; log in again";
const ENDED: &str = "the session has ended; log in again";

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    sub: UserId,
    /// The user's name, for whoever reads the token.
    name: String,
    /// The session.
    sid: SessionId,
    client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// What an access token says: of a session, or of an access key.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Bearer {
    /// Somebody has signed in.
    Session(Claims),
    /// A program has shown an access key.
    Key(KeyClaims),
}

/// Where and with what somebody signs in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// The id of the session that begins, if it was settled beforehand.
    pub(crate) session: Option<SessionId>,
    /// The client: `muster-cli`, `muster-console`.
    pub(crate) client: String,
    /// The name of the sign-in method.
    pub(crate) method: String,
    /// What the session may do at most.
    pub(crate) scopes: Option<Vec<Permission>>,
    /// The address.
    pub(crate) address: Option<String>,
    /// What the client says that it is.
    pub(crate) agent: Option<String>,
    /// The request's id.
    pub(crate) request: Option<String>,
}

/// The sessions of all users.
#[derive(Clone)]
pub(crate) struct Sessions {
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
}

impl Sessions {
    /// Begins a session for somebody who has shown who they are, within the
    /// transaction that notes the sign-in.
    pub(crate) async fn begin(
        &self,
        tx: &Tx,
        user: &UserRecord,
        origin: &Origin,
    ) -> Result<TokenReply, ControlError> {
        let now = muster_store::now();
        let session = SessionRecord {
            id: origin.session.unwrap_or_else(new_id),
            user: user.id,
            client: origin.client.clone(),
            method: origin.method.clone(),
            scopes: origin.scopes.clone(),
            origin: origin.address.clone(),
            agent: origin.agent.clone(),
            created_at: now,
            last_used_at: now,
            expires_at: now + self.refresh_life(now, now),
        };
        let (reply, refresh) = self.sign(user, &session)?;
        tx.session_insert(&session).await?;
        tx.refresh_token_insert(&refresh).await?;
        tx.user_logged_in(user.id, now).await?;
        let actor = Actor {
            user: Some(user.id),
            session: Some(session.id),
            credential: Some(format!("{} session {}", session.method, session.id)),
            origin: origin.address.clone(),
            request: origin.request.clone(),
            ..Actor::host(&user.name)
        };
        record(
            tx,
            &actor,
            change(&session, &user.name, "begin", ChangeKind::Created),
        )
        .await?;
        Ok(reply)
    }

    /// Uses up a refresh token and gives its successor, in one transaction: of
    /// several uses at once one is first, and the others end the session.
    /// Somebody has a copy then.
    pub(crate) async fn refresh(&self, token: &str) -> Result<TokenReply, ControlError> {
        let this = self.clone();
        let hash = secret::digest(token);
        let refused = || ControlError::Unauthorized(WRONG_REFRESH);
        let reply = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let now = muster_store::now();
                    let Some(found) = tx.refresh_token_by_hash(&hash).await? else {
                        return Ok(None);
                    };
                    let session = tx.session_get(SessionId(found.family)).await?;
                    let Some(session) = session.filter(|session| session.expires_at > now) else {
                        return Ok(None);
                    };
                    let user = tx.user_by_id(found.user).await?;
                    let user = user.filter(|user| user.state == UserState::Active);
                    let Some(user) = user.filter(|_| found.expires_at > now) else {
                        return Ok(None);
                    };
                    // Not used up: once the terms are accepted, it is good again.
                    if found.used_at.is_none()
                        && let Some(version) = terms_of_use::required(tx, &user).await?
                    {
                        return Err(ControlError::TermsRequired(version));
                    }
                    if !tx.refresh_token_mark_used(found.id, now).await? {
                        end_for_reuse(tx, &session, &user.name).await?;
                        return Ok(None);
                    }
                    let (reply, successor) = this.sign(&user, &session)?;
                    tx.refresh_token_insert(&successor).await?;
                    let life = this.refresh_life(session.created_at, now);
                    tx.session_used(session.id, now, now + life).await?;
                    Ok::<_, ControlError>(Some(reply))
                })
            })
            .await?;
        reply.ok_or_else(refused)
    }

    /// What an access token says, if it is one of ours.
    pub(crate) fn read(&self, token: &str) -> Result<Verified<Bearer>, ControlError> {
        self.tokens.verify::<Bearer>(token, AUDIENCE)
    }

    /// Who shows an access token: a user who is active, in a session that goes
    /// on.
    pub(crate) async fn admit(
        &self,
        claims: &Claims,
    ) -> Result<(UserRecord, SessionRecord), ControlError> {
        let session = self.store.session_get(claims.sid).await?;
        let session = session.filter(|session| {
            session.user == claims.sub && session.expires_at > muster_store::now()
        });
        let session = session.ok_or(ControlError::Unauthorized(ENDED))?;
        let user = self.store.user_by_id(claims.sub).await?;
        let user = user.filter(|user| user.state == UserState::Active);
        Ok((user.ok_or(ControlError::Unauthorized(ENDED))?, session))
    }

    /// What is known of the access token of a session, but for its times.
    pub(crate) async fn introspect(&self, claims: &Claims) -> Result<Introspection, ControlError> {
        match self.admit(claims).await {
            Ok((user, session)) => Ok(introspection(&user, &session)),
            Err(ControlError::Unauthorized(_)) => Ok(Introspection::default()),
            Err(error) => Err(error),
        }
    }

    /// What is known of a refresh token.
    pub(crate) async fn introspect_refresh(
        &self,
        token: &str,
    ) -> Result<Introspection, ControlError> {
        let now = muster_store::now();
        let found = self
            .store
            .refresh_token_by_hash(&secret::digest(token))
            .await?;
        let Some(found) = found.filter(|found| found.used_at.is_none() && found.expires_at > now)
        else {
            return Ok(Introspection::default());
        };
        let session = self.store.session_get(SessionId(found.family)).await?;
        let user = self.store.user_by_id(found.user).await?;
        let user = user.filter(|user| user.state == UserState::Active);
        Ok(match (user, session) {
            (Some(user), Some(session)) if session.expires_at > now => Introspection {
                exp: seconds(found.expires_at),
                iat: seconds(found.created_at),
                ..introspection(&user, &session)
            },
            _ => Introspection::default(),
        })
    }

    /// Ends the session that a token belongs to. Of tokens that are not known
    /// nothing is said (RFC 7009, section 2.2).
    pub(crate) async fn revoke(&self, token: &str, origin: &Origin) -> Result<(), ControlError> {
        let id = match self
            .store
            .refresh_token_by_hash(&secret::digest(token))
            .await?
        {
            Some(found) => Some(SessionId(found.family)),
            None => self
                .tokens
                .verify::<Claims>(token, AUDIENCE)
                .ok()
                .map(|verified| verified.claims.sid),
        };
        let session = match id {
            Some(id) => self.store.session_get(id).await?,
            None => None,
        };
        let Some(session) = session else {
            return Ok(());
        };
        let user = self.store.user_by_id(session.user).await?;
        let actor = Actor {
            user: Some(session.user),
            session: Some(session.id),
            credential: Some(format!("session {}", session.id)),
            origin: origin.address.clone(),
            request: origin.request.clone(),
            ..Actor::host(user.map(|user| user.name).unwrap_or_default())
        };
        self.end(&actor, &Terms::default(), session.user, session.id)
            .await?;
        Ok(())
    }

    /// How long a session that began at `began` may rest from `now` on.
    fn refresh_life(&self, began: OffsetDateTime, now: OffsetDateTime) -> Duration {
        let settings = self.tokens.settings();
        let left = began + Duration::from(settings.session_life) - now;
        Duration::from(settings.refresh_life).min(Duration::try_from(left).unwrap_or_default())
    }

    /// A pair of tokens, and what must be kept for the second to be good.
    fn sign(
        &self,
        user: &UserRecord,
        session: &SessionRecord,
    ) -> Result<(TokenReply, RefreshTokenRecord), ControlError> {
        let now = muster_store::now();
        let access_life = Duration::from(self.tokens.settings().access_life);
        let scope = session.scopes.as_deref().map(words);
        let claims = Claims {
            sub: user.id,
            name: user.name.clone(),
            sid: session.id,
            client_id: session.client.clone(),
            scope: scope.clone(),
        };
        let refresh = secret::issue(secret::Kind::RefreshToken);
        let record = RefreshTokenRecord {
            id: Uuid::now_v7(),
            user: user.id,
            hash: refresh.digest,
            family: session.id.0,
            expires_at: now + self.refresh_life(session.created_at, now),
            used_at: None,
            created_at: now,
        };
        let reply = TokenReply {
            access_token: self.tokens.sign(AUDIENCE, access_life, &claims)?,
            token_type: "Bearer".to_owned(),
            expires_in: access_life.as_secs(),
            refresh_token: Some(refresh.text.expose().to_owned()),
            scope,
        };
        Ok((reply, record))
    }
}

/// The id of a session that is about to begin.
pub(crate) fn new_id() -> SessionId {
    SessionId(Uuid::now_v7())
}

/// Ends a session because what serves once was used twice: somebody has a copy.
pub(crate) async fn end_for_reuse(
    tx: &Tx,
    session: &SessionRecord,
    user: &str,
) -> Result<(), ControlError> {
    tx.session_end(session.id).await?;
    let actor = Actor {
        credential: Some(format!("session {}", session.id)),
        ..Actor::host(user)
    };
    let change = change(session, user, "end-for-reuse", ChangeKind::Deleted);
    record(tx, &actor, change).await?;
    Ok(())
}

fn introspection(user: &UserRecord, session: &SessionRecord) -> Introspection {
    Introspection {
        active: true,
        scope: session.scopes.as_deref().map(words),
        client_id: Some(session.client.clone()),
        username: Some(user.name.clone()),
        sub: Some(user.id.to_string()),
        exp: None,
        iat: None,
    }
}

pub(crate) fn seconds(at: OffsetDateTime) -> Option<u64> {
    u64::try_from(at.unix_timestamp()).ok()
}

/// Permissions as OAuth writes them.
pub(crate) fn words(scopes: &[Permission]) -> String {
    let words: Vec<_> = scopes.iter().map(|scope| scope.word()).collect();
    words.join(" ")
}

fn change<'a>(
    session: &SessionRecord,
    user: &'a str,
    verb: &'static str,
    kind: ChangeKind,
) -> Change<'a> {
    Change {
        resource: "session",
        project: None,
        id: session.id.to_string(),
        name: user,
        verb,
        kind,
        before: None,
        after: None,
    }
}
