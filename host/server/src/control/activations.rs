//! Setting a password by a link: the first one, or in place of a forgotten one.

use muster_api::{
    sign_ups::{LinkReply, NewActivation, NewPasswordReset, PasswordResetReply},
    users::UserState,
};
use muster_identity::mail::Occasion;
use muster_store::Store;

use super::{
    accounts::update,
    error::ControlError,
    links::{self, Link, follow},
    passwords::Passwords,
    post::{Post, normal},
    record::Actor,
    user_states::{UserAction, next},
    users::settle,
};

const KINDS: [Link; 2] = [Link::Activate, Link::Reset];

/// Activations and forgotten passwords.
#[derive(Clone)]
pub(crate) struct Activations {
    pub(crate) store: Store,
    pub(crate) post: Post,
    pub(crate) passwords: Passwords,
}

impl Activations {
    /// Sets the password of whoever has the link. All their sessions end.
    pub(crate) async fn set_password(
        &self,
        visitor: &Actor,
        with: NewActivation,
    ) -> Result<LinkReply, ControlError> {
        let user = follow(&self.store, &KINDS, &with.token).await?.user;
        next(user.state, UserAction::SetPassword)?;
        let hash = self.passwords.accept("password", &with.password, &user);
        let (hash, visitor) = (hash.await?, visitor.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let followed = follow(tx, &KINDS, &with.token).await?;
                    followed.use_up(tx).await?;
                    let before = followed.user;
                    let mut user = before.clone();
                    let now = muster_store::now();
                    user.state = next(before.state, UserAction::SetPassword)?;
                    if followed.verifies {
                        user.email_verified_at = user.email_verified_at.or(Some(now));
                    }
                    // Who guessed before is not who follows the link.
                    user.failed_logins = 0;
                    user.last_failure_at = None;
                    if before.state != UserState::Active {
                        settle(tx, &user).await?;
                    }
                    tx.password_put(user.id, &hash, now).await?;
                    tx.session_end_all(user.id, None).await?;
                    links::withdraw(tx, &user).await?;
                    let verb = match followed.link {
                        Link::Reset => "reset-password",
                        Link::Verify | Link::Activate => "set-password",
                    };
                    let actor = Actor {
                        name: user.name.clone(),
                        user: Some(user.id),
                        credential: Some("link".to_owned()),
                        ..visitor
                    };
                    update(tx, &actor, &before, &mut user, verb).await?;
                    Ok(LinkReply {
                        name: user.name,
                        state: user.state,
                    })
                })
            })
            .await
    }

    /// What somebody is told who asks for a link; the same, whoever it is.
    pub(crate) fn reset_told(&self) -> &'static str {
        if self.post.is_configured() {
            "If anybody is known by this address, a link goes there by which another password can be chosen."
        } else {
            "This Muster sends no mail: ask an admin for a link by which you choose another password."
        }
    }

    /// Has a link mailed to whoever is known by an address. Whether anybody is,
    /// is found out later, so that neither the answer nor the time that it
    /// takes tells it.
    pub(crate) async fn ask_reset(
        &self,
        ask: NewPasswordReset,
    ) -> Result<PasswordResetReply, ControlError> {
        let email =
            normal(&ask.email).map_err(|message| ControlError::invalid("email", message))?;
        let post = self.post.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move { post.put(tx, Occasion::ResetPassword, &email, None).await })
            })
            .await?;
        self.post.wake();
        Ok(PasswordResetReply {
            next: self.reset_told().to_owned(),
        })
    }
}
