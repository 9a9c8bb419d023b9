//! As whom sign-in methods know a user, and how more of them come to.

use std::time::Duration;

use muster_api::{
    factors::Proof,
    id::UserId,
    identities::{Identity, IdentityLink, NewIdentity},
};
use muster_identity::{
    secret::{self, Kind},
    sign_in::Profile,
};
use muster_store::{ChangeKind, IdentityRecord, TicketRecord};
use serde::{Deserialize, Serialize};

use super::{Authorization, Goal, Visit, codes::read};
use crate::control::{
    error::ControlError,
    record::{Actor, record, value},
    sessions::Origin,
    sign_in::Attempt,
    users,
};

const PURPOSE: &str = "link";
const LIFE: Duration = Duration::from_secs(600);

/// What the address for a browser stands for.
#[derive(Serialize, Deserialize)]
struct Link {
    method: String,
}

impl Authorization {
    /// As whom methods know a user.
    pub(crate) async fn identities(&self, user: UserId) -> Result<Vec<Identity>, ControlError> {
        let found = self.store.identity_list(user).await?;
        Ok(found.into_iter().map(view).collect())
    }

    /// Ties a method to the account of whoever asks: at once with a password,
    /// or by way of their browser. It takes a fresh proof of who is there.
    pub(crate) async fn identity_add(
        &self,
        actor: &Actor,
        new: NewIdentity,
    ) -> Result<IdentityLink, ControlError> {
        let by_password = self.sign_in.takes_passwords(&new.method)?;
        let owner = self.factors.prove(actor, &new.proof).await;
        let owner = owner.map_err(|error| error.within("proof"))?;
        if !by_password {
            let url = self.identity_link(owner.id, &new.method).await?;
            return Ok(IdentityLink::Browser { url });
        }
        let needed = |field: Option<String>, name: &str| {
            field.ok_or_else(|| ControlError::invalid(name, "is needed for this method"))
        };
        let attempt = Attempt {
            username: needed(new.username, "username")?,
            password: needed(new.password, "password")?,
            captcha: new.captcha,
            ..Attempt::default()
        };
        let origin = Origin {
            method: new.method,
            address: actor.origin.clone(),
            ..Origin::default()
        };
        let profile = self.sign_in.profile_for(&owner, &attempt, &origin).await?;
        let tied = self.identity_tie(actor, owner.id, profile).await?;
        Ok(IdentityLink::Done(tied))
    }

    async fn identity_link(&self, user: UserId, method: &str) -> Result<String, ControlError> {
        let issued = secret::issue(Kind::Link);
        let now = muster_store::now();
        let link = Link {
            method: method.to_owned(),
        };
        let ticket = TicketRecord {
            hash: issued.digest,
            purpose: PURPOSE.to_owned(),
            user: Some(user),
            data: value(&link).unwrap_or_default(),
            created_at: now,
            expires_at: now + LIFE,
            used_at: None,
        };
        self.store
            .write(move |tx| Box::pin(async move { tx.ticket_insert(&ticket).await }))
            .await?;
        Ok(format!(
            "{}/sign-in-link/{}",
            self.public_url(),
            issued.text.expose()
        ))
    }

    /// The visit that such an address begins, once.
    pub(crate) async fn identity_visit(&self, link: &str) -> Result<Option<Visit>, ControlError> {
        let hash = secret::digest(link);
        let ticket = self.store.ticket_get(PURPOSE, &hash).await?;
        let now = muster_store::now();
        let used = self
            .store
            .write(move |tx| Box::pin(async move { tx.ticket_use(&hash, now).await }))
            .await?;
        let Some(ticket) = ticket.filter(|_| used) else {
            return Ok(None);
        };
        let Some(user) = ticket.user else {
            return Ok(None);
        };
        let link: Link = read(ticket.data)?;
        Ok(Some(Visit::to(Goal::Link {
            user,
            method: link.method,
            profile: None,
        })))
    }

    /// Ties a method to an account. Somebody who is tied to another account is
    /// not moved.
    pub(crate) async fn identity_tie(
        &self,
        actor: &Actor,
        user: UserId,
        profile: Profile,
    ) -> Result<Identity, ControlError> {
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let gone = || ControlError::not_found("user", user.to_string());
                    let owner = tx.user_by_id(user).await?.ok_or_else(gone)?;
                    let known = tx.identity_get(&profile.method, &profile.subject).await?;
                    match known {
                        Some(known) if known.user == user => return Ok(view(known)),
                        Some(_) => {
                            return Err(ControlError::Conflict {
                                code: "identity-taken",
                                message: format!(
                                    "{} of {} is tied to another account",
                                    profile.username, profile.method
                                ),
                                remedy: "sign in with it and untie it there first".to_owned(),
                            });
                        }
                        None => {}
                    }
                    let identity = IdentityRecord {
                        method: profile.method.clone(),
                        subject: profile.subject.clone(),
                        user,
                        profile: value(&profile).unwrap_or_default(),
                        created_at: muster_store::now(),
                        last_used_at: None,
                    };
                    tx.identity_insert(&identity).await?;
                    let change = users::change_of(&owner, "link", ChangeKind::Updated);
                    record(tx, &actor, change).await?;
                    Ok(view(identity))
                })
            })
            .await
    }

    /// Unties a method from the account of whoever asks, unless nothing else is
    /// left to sign in with. It takes a fresh proof of who is there.
    pub(crate) async fn identity_remove(
        &self,
        actor: &Actor,
        method: &str,
        proof: &Proof,
    ) -> Result<(), ControlError> {
        let user = self.factors.prove(actor, proof).await?.id;
        let (actor, method) = (actor.clone(), method.to_owned());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let missing = || ControlError::not_found("identity", method.clone());
                    let owner = tx.user_by_id(user).await?.ok_or_else(missing)?;
                    if tx.identity_delete(user, Some(&method)).await? == 0 {
                        return Err(missing());
                    }
                    let others = tx.identity_list(user).await?;
                    if others.is_empty() && tx.password_hash(user).await?.is_none() {
                        return Err(ControlError::Conflict {
                            code: "last-way-in",
                            message: "there would be no way left to sign in".to_owned(),
                            remedy: "set a password, or tie another method first".to_owned(),
                        });
                    }
                    let change = users::change_of(&owner, "unlink", ChangeKind::Updated);
                    record(tx, &actor, change).await?;
                    Ok(())
                })
            })
            .await
    }
}

fn view(identity: IdentityRecord) -> Identity {
    Identity {
        method: identity.method,
        subject: identity.subject,
        created_at: identity.created_at,
        last_used_at: identity.last_used_at,
    }
}
