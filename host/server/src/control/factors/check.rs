//! The second factor at sign-in.

use muster_api::{
    config::passwords::{LockoutPolicy, PasswordPolicy},
    factors::{FactorKind, PasskeyAnswer},
    id::UserId,
    tokens::OAuthError,
};
use muster_identity::{recovery, totp};
use muster_store::{StoreError, Tx, UserRecord};

use super::{Factors, Held, changed};
use crate::control::{
    error::ControlError, failures, record::Actor, sealing::of_totp, sessions::Origin,
    sign_in::locked,
};

/// What somebody shows as the second factor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// A code of the authenticator app, or a recovery code.
    pub(crate) otp: Option<String>,
    /// What a passkey answered.
    pub(crate) passkey: Option<PasskeyAnswer>,
}

/// What became of a code.
pub(super) enum Used {
    Totp,
    RecoveryCode,
    Wrong,
}

impl Factors {
    /// Checks the second factor of somebody who has shown the first, and uses
    /// up what they show. To be called in the transaction that lets them in; it
    /// is to be committed even if the answer is a refusal, for that counts as a
    /// failed sign-in and may have made a challenge.
    pub(crate) async fn check(
        &self,
        tx: &Tx,
        user: &UserRecord,
        shown: &Shown,
        origin: &Origin,
    ) -> Result<Result<(), OAuthError>, ControlError> {
        let held = Held::of(tx, user.id).await?;
        if !held.is_required() {
            return Ok(Ok(()));
        }
        // Read again: of many tries at once each sees the failures before it.
        if let Some(wait) = self.pause(tx, user.id).await? {
            return Ok(Err(locked(wait)));
        }
        let otp = shown.otp.as_deref().filter(|otp| !otp.trim().is_empty());
        let good = match (&shown.passkey, otp) {
            (Some(answer), _) => self.check_passkey(tx, user, &held, answer).await?,
            (None, Some(code)) => match self.use_up(tx, &held, user.id, code).await? {
                Used::Totp => true,
                Used::RecoveryCode => {
                    let actor = Actor {
                        user: Some(user.id),
                        credential: Some(format!("method {}", origin.method)),
                        origin: origin.address.clone(),
                        request: origin.request.clone(),
                        ..Actor::host(&user.name)
                    };
                    changed(tx, &actor, user, "use-recovery-code").await?;
                    true
                }
                Used::Wrong => false,
            },
            (None, None) => return Ok(Err(self.ask(tx, user, &held).await?)),
        };
        if good {
            return Ok(Ok(()));
        }
        self.count_failure(tx, user.id).await?;
        Ok(Err(OAuthError {
            error: "invalid_grant".to_owned(),
            error_description: "the second factor is wrong or was used before; try the next code"
                .to_owned(),
            factors: self.usable(&held),
            ..OAuthError::default()
        }))
    }

    /// Says what is wanted.
    async fn ask(
        &self,
        tx: &Tx,
        user: &UserRecord,
        held: &Held,
    ) -> Result<OAuthError, ControlError> {
        let kinds = self.usable(held);
        let passkey = if kinds.contains(&FactorKind::Passkey) {
            Some(self.passkey_challenge(tx, user.id, held).await?)
        } else {
            None
        };
        let wanted: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
        Ok(OAuthError {
            error: "otp_required".to_owned(),
            error_description: format!("a second factor is needed: {}", wanted.join(" or ")),
            factors: kinds,
            passkey,
            ..OAuthError::default()
        })
    }

    /// The kinds that would do. A passkey does not while this Muster has no
    /// name that it could be for.
    fn usable(&self, held: &Held) -> Vec<FactorKind> {
        let mut kinds = held.kinds();
        if kinds.contains(&FactorKind::Passkey) && self.site().is_err() {
            kinds.retain(|kind| *kind != FactorKind::Passkey);
        }
        kinds
    }

    /// How many seconds somebody has to wait after wrong passwords and codes.
    pub(super) async fn pause(&self, tx: &Tx, user: UserId) -> Result<Option<u64>, ControlError> {
        let policy = self.lockout();
        let user = tx.user_by_id(user).await?;
        Ok(user.and_then(|user| failures::pause(failures::of_user(&user), &policy)))
    }

    pub(super) async fn count_failure(&self, tx: &Tx, user: UserId) -> Result<(), StoreError> {
        failures::add(tx, user, &self.lockout()).await
    }

    fn lockout(&self) -> LockoutPolicy {
        self.config.get::<PasswordPolicy>().lockout
    }
}

impl Factors {
    /// Uses a code up, whichever kind it is of.
    pub(super) async fn use_up(
        &self,
        tx: &Tx,
        held: &Held,
        user: UserId,
        code: &str,
    ) -> Result<Used, ControlError> {
        let now = muster_store::now();
        if let Some(totp) = &held.totp {
            let secret = self.sealer.open(&of_totp(user), &totp.secret)?;
            match totp::verify(secret.expose(), code, totp.last_step, now) {
                Ok(step) if tx.totp_use(user, step, now).await? => return Ok(Used::Totp),
                Ok(_) | Err(totp::TotpError::Wrong) => {}
                Err(error) => tracing::error!(%user, %error, "an authenticator app is of no use"),
            }
        }
        let digest = recovery::find(user, code, &held.codes).and_then(|at| held.codes.get(at));
        match digest {
            Some(digest) if tx.recovery_code_use(user, digest, now).await? => {
                Ok(Used::RecoveryCode)
            }
            _ => Ok(Used::Wrong),
        }
    }
}
