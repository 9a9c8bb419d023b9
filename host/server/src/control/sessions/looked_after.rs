//! Sessions as people see and end them.

use muster_api::{
    id::{SessionId, UserId},
    sessions::Session,
};
use muster_store::{ChangeKind, SessionRecord};

use super::{Sessions, change};
use crate::control::{
    accounts,
    error::ControlError,
    record::{Actor, Change, record},
};

impl Sessions {
    /// A user's sessions, newest first.
    pub(crate) async fn list(
        &self,
        user: UserId,
        current: Option<SessionId>,
    ) -> Result<Vec<Session>, ControlError> {
        let now = muster_store::now();
        let found = self.store.session_list(user).await?;
        let going_on = found.into_iter().filter(|session| session.expires_at > now);
        Ok(going_on.map(|session| view(session, current)).collect())
    }

    /// Ends one of a user's sessions; its tokens are of no use from then on.
    pub(crate) async fn end(
        &self,
        actor: &Actor,
        user: UserId,
        id: SessionId,
    ) -> Result<(), ControlError> {
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let found = tx.session_get(id).await?;
                    let session = found
                        .filter(|session| session.user == user)
                        .ok_or_else(|| ControlError::not_found("session", id.to_string()))?;
                    let owner = tx.user_by_id(user).await?.map(|user| user.name);
                    tx.session_end(id).await?;
                    let name = owner.unwrap_or_default();
                    record(
                        tx,
                        &actor,
                        change(&session, &name, "end", ChangeKind::Deleted),
                    )
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Ends all sessions of a user, and says how many.
    pub(crate) async fn end_all(&self, actor: &Actor, user: UserId) -> Result<u64, ControlError> {
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let found = accounts::require_user(tx, &actor, &user.to_string()).await?;
                    let ended = tx.session_end_all(user, None).await?;
                    let change = Change {
                        resource: "user",
                        project: None,
                        id: user.to_string(),
                        name: &found.name,
                        verb: "end-sessions",
                        kind: ChangeKind::Updated,
                        before: None,
                        after: None,
                    };
                    record(tx, &actor, change).await?;
                    Ok(ended as u64)
                })
            })
            .await
    }
}

fn view(session: SessionRecord, current: Option<SessionId>) -> Session {
    Session {
        current: Some(session.id) == current,
        id: session.id,
        client: session.client,
        method: session.method,
        scopes: session.scopes,
        origin: session.origin,
        agent: session.agent,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
    }
}
