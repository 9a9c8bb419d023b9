//! A fresh proof of who is there, before it is changed what somebody can sign in
//! with: a session may be stolen, and whoever has it must not make it theirs for
//! good.

use muster_api::{config::Secret, factors::Proof, id::UserId};
use muster_store::{SessionRecord, StoreError, UserRecord};
use time::{Duration, OffsetDateTime};

use super::{Factors, Held, check::Used, owner};
use crate::control::{error::ControlError, record::Actor};

/// How fresh a sign-in must be to be a proof.
const FRESH: Duration = Duration::minutes(10);

const WRONG_CODE: &str = "the code is wrong or was used before; wait for the next one";

impl Factors {
    /// The user who acts, if they show anew that they are there. What is shown
    /// wrongly counts as a failed sign-in.
    pub(crate) async fn prove(
        &self,
        actor: &Actor,
        proof: &Proof,
    ) -> Result<UserRecord, ControlError> {
        let user = owner(&self.store, actor.person()?, actor).await?;
        match (&proof.otp, &proof.password) {
            (Some(code), _) => self.prove_by_code(&user, code).await?,
            (None, Some(password)) => {
                self.prove_by_password(user.id, "password", password.expose())
                    .await?;
                self.prove_factor(actor, &user).await?;
            }
            (None, None) => self.prove_by_session(actor, &user).await?,
        }
        Ok(user)
    }

    /// The same, but whoever has just signed in need not show anything.
    pub(crate) async fn prove_or_recent(
        &self,
        actor: &Actor,
        proof: &Proof,
    ) -> Result<UserRecord, ControlError> {
        if proof.is_empty() && self.recent_session(actor).await?.is_some() {
            return owner(&self.store, actor.person()?, actor).await;
        }
        self.prove(actor, proof).await
    }

    /// The session that asks, if it began a short while ago.
    async fn recent_session(&self, actor: &Actor) -> Result<Option<SessionRecord>, StoreError> {
        let session = match actor.session {
            Some(id) => self.store.session_get(id).await?,
            None => None,
        };
        let now = muster_store::now();
        Ok(session.filter(|session| now - session.created_at < FRESH))
    }

    /// Refuses whoever has a second factor and has not shown it lately: whoever
    /// knows the password alone must not get rid of what stands beside it.
    async fn prove_factor(&self, actor: &Actor, user: &UserRecord) -> Result<(), ControlError> {
        let Some(since) = Held::of(&self.store, user.id).await?.since() else {
            return Ok(());
        };
        let session = self.recent_session(actor).await?;
        if session.is_some_and(|session| session.created_at > since) {
            return Ok(());
        }
        Err(ControlError::invalid(
            "otp",
            "the password alone does not do, for you have a second factor: send a code of it, or a recovery code; or log in again with the factor and repeat this within ten minutes",
        ))
    }

    async fn prove_by_code(&self, user: &UserRecord, code: &Secret) -> Result<(), ControlError> {
        let (this, id, code) = (self.clone(), user.id, code.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    if let Some(wait) = this.pause(tx, id).await? {
                        return Err(ControlError::Locked { wait });
                    }
                    let held = Held::of(tx, id).await?;
                    if let Used::Wrong = this.use_up(tx, &held, id, code.expose()).await? {
                        this.count_failure(tx, id).await?;
                        return Ok(Err(ControlError::invalid("otp", WRONG_CODE)));
                    }
                    Ok(Ok(()))
                })
            })
            .await?
    }

    /// Checks that somebody knows a user's password, which stands in `field`. A
    /// wrong one counts as a failed sign-in.
    pub(crate) async fn prove_by_password(
        &self,
        id: UserId,
        field: &'static str,
        password: &str,
    ) -> Result<(), ControlError> {
        let this = self.clone();
        let wait = self
            .store
            .write_or_refuse(move |tx| Box::pin(async move { this.pause(tx, id).await }));
        if let Some(wait) = wait.await? {
            return Err(ControlError::Locked { wait });
        }
        let hash = self.store.password_hash(id).await?;
        let good = self.passwords.verify(password, hash.as_deref());
        let good = good.await?;
        let this = self.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    // Of many tries at once, those after the last that is
                    // allowed learn nothing either.
                    if let Some(wait) = this.pause(tx, id).await? {
                        return Err(ControlError::Locked { wait });
                    }
                    if good {
                        return Ok(Ok(()));
                    }
                    this.count_failure(tx, id).await?;
                    Ok(Err(ControlError::invalid(field, "the password is another")))
                })
            })
            .await?
    }

    /// Whoever signs in elsewhere has no password that could be shown here, but
    /// can sign in again.
    async fn prove_by_session(&self, actor: &Actor, user: &UserRecord) -> Result<(), ControlError> {
        if self.store.password_hash(user.id).await?.is_some() {
            return Err(ControlError::invalid(
                "password",
                "show again who you are: send your password, or a code of your second factor as 'otp'",
            ));
        }
        if self.recent_session(actor).await?.is_some() {
            return self.prove_factor(actor, user).await;
        }
        Err(ControlError::invalid(
            "otp",
            "show again who you are: log in again and repeat this within ten minutes, or send a code of your second factor",
        ))
    }
}

impl Held {
    /// Since when a sign-in has taken one of these factors, if it does.
    fn since(&self) -> Option<OffsetDateTime> {
        let totp = self.totp.as_ref().and_then(|totp| totp.confirmed_at);
        let passkeys = self.passkeys.iter().map(|passkey| passkey.created_at);
        totp.into_iter().chain(passkeys).min()
    }
}

#[cfg(test)]
mod tests {
    use muster_api::{id::SessionId, users::UserType};
    use uuid::Uuid;

    use super::*;
    use crate::control::{
        config::Config,
        passwords::Passwords,
        testing::{actor, store_with},
    };

    #[tokio::test]
    async fn a_login_is_a_proof_for_ten_minutes() {
        let (store, _dir) = store_with(&[("ada", UserType::Developer)]).await;
        let config = Config::open(store.clone()).await.unwrap();
        let factors = Factors {
            store: store.clone(),
            passwords: Passwords::new(config.clone()).unwrap(),
            config,
            address: ([127, 0, 0, 1], 1).into(),
        };
        let mut ada = actor(&store, "ada", None).await;
        let nothing = Proof::default();
        for (minutes, good) in [(0, true), (9, true), (11, false)] {
            let began = muster_store::now() - Duration::minutes(minutes);
            let session = SessionRecord {
                id: SessionId(Uuid::now_v7()),
                user: ada.user.unwrap(),
                client: "test".to_owned(),
                method: "local".to_owned(),
                scopes: None,
                origin: None,
                agent: None,
                created_at: began,
                last_used_at: began,
                expires_at: began + Duration::days(1),
            };
            ada.session = Some(session.id);
            let kept =
                store.write(move |tx| Box::pin(async move { tx.session_insert(&session).await }));
            kept.await.unwrap();
            for proven in [
                factors.prove(&ada, &nothing).await,
                factors.prove_or_recent(&ada, &nothing).await,
            ] {
                assert_eq!(proven.is_ok(), good, "after {minutes} minutes: {proven:?}");
            }
        }
        ada.session = None;
        assert!(factors.prove_or_recent(&ada, &nothing).await.is_err());
    }
}
