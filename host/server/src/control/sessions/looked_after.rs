//! Sessions as people see and end them.

use muster_api::{
    id::{SessionId, UserId},
    plan::Plan,
    sessions::Session,
};
use muster_store::{ChangeKind, SessionRecord};

use super::{Sessions, change};
use crate::control::{
    accounts,
    error::ControlError,
    record::{Actor, Change, record},
    terms::{Outcome, Terms},
    views::counted,
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
        terms: &Terms,
        user: UserId,
        id: SessionId,
    ) -> Result<Outcome<()>, ControlError> {
        let (actor, owned) = (actor.clone(), terms.clone());
        let line = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let found = tx.session_get(id).await?;
                    let session = found
                        .filter(|session| session.user == user)
                        .ok_or_else(|| ControlError::not_found("session", id.to_string()))?;
                    owned.check(Some(&session))?;
                    let owner = tx.user_by_id(user).await?.map(|user| user.name);
                    tx.session_end(id).await?;
                    let name = owner.unwrap_or_default();
                    record(
                        tx,
                        &actor,
                        change(&session, &name, "end", ChangeKind::Deleted),
                    )
                    .await?;
                    let from = session.origin.map(|origin| format!(", from {origin}"));
                    Ok::<_, ControlError>(format!(
                        "the session of {name} with {}{}",
                        session.client,
                        from.unwrap_or_default()
                    ))
                })
            })
            .await?;
        let plan = Plan {
            removes: vec![line],
            ..Plan::default()
        };
        Ok(terms.outcome((), plan))
    }

    /// Ends all sessions of a user, and says how many.
    pub(crate) async fn end_all(
        &self,
        actor: &Actor,
        terms: &Terms,
        user: UserId,
    ) -> Result<Outcome<u64>, ControlError> {
        let (actor, owned) = (actor.clone(), terms.clone());
        let ended = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let found = accounts::require_user(tx, &actor, &user.to_string()).await?;
                    owned.check(Some(&found))?;
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
                    Ok::<_, ControlError>(ended)
                })
            })
            .await?;
        let plan = Plan {
            removes: vec![counted(ended, "session")],
            ..Plan::default()
        };
        Ok(terms.outcome(ended as u64, plan))
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
