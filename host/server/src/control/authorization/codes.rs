//! Authorization codes: what a browser brings to a client, to be traded for
//! tokens once, within a minute, by whoever has the verifier.

use std::time::Duration;

use muster_api::{id::SessionId, permissions::Permission, tokens::TokenReply, users::UserState};
use muster_identity::secret::{self, Kind};
use muster_store::{TicketRecord, Tx};
use serde::{Deserialize, Serialize};

use super::{Authorization, CodeRequest, Goal, Person, Visit, clients::is_verifier};
use crate::control::{
    error::ControlError,
    record::value,
    sessions::{self, Origin},
    sign_in::SignInError,
};

const PURPOSE: &str = "authorization-code";
const LIFE: Duration = Duration::from_secs(60);

/// What a code stands for.
#[derive(Serialize, Deserialize)]
struct Code {
    client: String,
    redirect_uri: String,
    challenge: String,
    scopes: Option<Vec<Permission>>,
    method: String,
    /// The session that begins with it, so that a second use can end it.
    session: SessionId,
}

/// What a client shows with a code.
pub(crate) struct Redemption {
    pub(crate) code: String,
    pub(crate) redirect_uri: String,
    pub(crate) verifier: String,
}

impl Authorization {
    /// Ends a visit with a code: the address that brings it to the client.
    pub(super) async fn issue_code(
        &self,
        ticket: &str,
        request: &CodeRequest,
        person: &Person,
    ) -> Result<String, ControlError> {
        let issued = secret::issue(Kind::AuthorizationCode);
        let code = Code {
            client: request.client.clone(),
            redirect_uri: request.redirect_uri.clone(),
            challenge: request.challenge.clone(),
            scopes: request.scopes.clone(),
            method: person.method.clone(),
            session: sessions::new_id(),
        };
        let now = muster_store::now();
        let record = TicketRecord {
            hash: issued.digest,
            purpose: PURPOSE.to_owned(),
            user: Some(person.user),
            data: value(&code).unwrap_or_default(),
            created_at: now,
            expires_at: now + LIFE,
            used_at: None,
        };
        let visit = secret::digest(ticket);
        let gone = || ControlError::Unauthorized("this sign-in has ended; begin anew");
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    if !tx.ticket_use(&visit, now).await? {
                        return Err(gone());
                    }
                    tx.ticket_insert(&record).await?;
                    Ok::<_, ControlError>(())
                })
            })
            .await?;
        let told = [("code", issued.text.expose())];
        Ok(self.answer(&request.redirect_uri, request.state.as_deref(), &told))
    }

    /// Tells a client that the person does not want to.
    pub(crate) fn declined(&self, visit: &Visit) -> Option<String> {
        let Goal::Code(request) = &visit.goal else {
            return None;
        };
        let why = "the person does not want to sign in";
        let told = [("error", "access_denied"), ("error_description", why)];
        Some(self.answer(&request.redirect_uri, request.state.as_deref(), &told))
    }

    /// Trades a code for a session. A code is used up whatever comes of it; its
    /// second use ends the session of the first.
    pub(crate) async fn redeem(
        &self,
        shown: Redemption,
        origin: Origin,
    ) -> Result<TokenReply, SignInError> {
        let sessions = self.sign_in.sessions.clone();
        let hash = secret::digest(&shown.code);
        let reply = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let now = muster_store::now();
                    let Some(ticket) = tx.ticket_get(PURPOSE, &hash).await? else {
                        return Ok(None);
                    };
                    let code: Code = read(ticket.data)?;
                    let Some(user) = ticket.user else {
                        return Ok(None);
                    };
                    if !tx.ticket_use(&hash, now).await? {
                        if ticket.used_at.is_some() {
                            end_copy(tx, code.session).await?;
                        }
                        return Ok(None);
                    }
                    let is_theirs = code.client == origin.client
                        && code.redirect_uri == shown.redirect_uri
                        && is_verifier(&shown.verifier)
                        && secret::matches(&shown.verifier, &code.challenge);
                    let user = tx.user_by_id(user).await?;
                    let user = user.filter(|user| user.state == UserState::Active);
                    let Some(user) = user.filter(|_| is_theirs) else {
                        return Ok(None);
                    };
                    let origin = Origin {
                        method: code.method,
                        scopes: code.scopes,
                        session: Some(code.session),
                        ..origin
                    };
                    let reply = sessions.begin(tx, &user, &origin).await?;
                    Ok::<_, ControlError>(Some(reply))
                })
            })
            .await?;
        reply.ok_or_else(|| {
            SignInError::refused(
                "invalid_grant",
                "the code is not good: used before, too old, or not for this client",
            )
        })
    }
}

async fn end_copy(tx: &Tx, id: SessionId) -> Result<(), ControlError> {
    let Some(session) = tx.session_get(id).await? else {
        return Ok(());
    };
    let user = tx.user_by_id(session.user).await?;
    let name = user.map(|user| user.name).unwrap_or_default();
    sessions::end_for_reuse(tx, &session, &name).await
}

/// What a ticket carries.
pub(super) fn read<T: serde::de::DeserializeOwned>(
    data: serde_json::Value,
) -> Result<T, ControlError> {
    serde_json::from_value(data)
        .map_err(|error| ControlError::Internal(format!("a ticket cannot be read: {error}")))
}
