//! Second factors: what somebody shows besides a password. Whatever a user adds
//! counts at the next sign-in, and changing it takes a fresh proof.

mod check;
mod passkeys;
mod proof;

use std::net::SocketAddr;

use muster_api::{
    config::management::Management,
    factors::{self as words, FactorKind, RecoveryCodes, TotpEnrolment},
    id::UserId,
    plan::Plan,
};
use muster_identity::{recovery, seal::Sealer, totp};
use muster_store::{
    ChangeKind, PasskeyRecord, Reader, Store, StoreError, TotpRecord, Tx, UserRecord,
};

pub(crate) use self::{check::Shown, passkeys::view as passkey_view};
use super::{
    accounts,
    config::Config,
    error::ControlError,
    passwords::Passwords,
    record::{Actor, record},
    sealing::of_totp,
    terms::{Outcome, Terms},
    users::change_of,
    views::counted,
};

/// What authenticator apps and passkeys are told that they are for.
const SITE: &str = "Muster";

/// The second factors of all users.
#[derive(Clone)]
pub(crate) struct Factors {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) passwords: Passwords,
    /// Seals the secrets of authenticator apps.
    pub(crate) sealer: Sealer,
    /// Where the API listens.
    pub(crate) address: SocketAddr,
}

impl Factors {
    /// Somebody's factors.
    pub(crate) async fn list(&self, actor: &Actor) -> Result<words::Factors, ControlError> {
        let id = actor.person()?;
        let held = Held::of(&self.store, id).await?;
        let totp = self.store.totp_get(id).await?;
        Ok(words::Factors {
            required: held.is_required(),
            totp: totp.map(|totp| words::Totp {
                confirmed: totp.confirmed_at.is_some(),
                created_at: totp.created_at,
            }),
            passkeys: held.passkeys.into_iter().map(passkeys::view).collect(),
            recovery_codes: u32::try_from(held.codes.len()).unwrap_or(u32::MAX),
        })
    }

    /// Makes a secret for an authenticator app. It counts once a code has come
    /// from there; until then it can be made anew.
    pub(crate) async fn add_totp(
        &self,
        actor: &Actor,
        proof: &words::Proof,
    ) -> Result<TotpEnrolment, ControlError> {
        let user = self.prove(actor, proof).await?;
        let enrolment = totp::enrol(&self.issuer(), &user.name)
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let totp = TotpRecord {
            user: user.id,
            secret: self
                .sealer
                .seal(&of_totp(user.id), enrolment.secret.expose())?,
            created_at: muster_store::now(),
            confirmed_at: None,
            last_step: None,
        };
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let known = tx.totp_get(user.id).await?;
                    if known.is_some_and(|known| known.confirmed_at.is_some()) {
                        return Err(ControlError::Conflict {
                            code: "totp-exists",
                            message: "you have an authenticator app already".to_owned(),
                            remedy: "remove it first with: muster self factor remove-totp"
                                .to_owned(),
                        });
                    }
                    tx.totp_put(&totp).await?;
                    changed(tx, &actor, &user, "add-totp").await?;
                    Ok(())
                })
            })
            .await?;
        Ok(TotpEnrolment {
            secret: enrolment.secret,
            uri: enrolment.uri,
        })
    }

    /// Makes an authenticator app count, by a first code from it.
    pub(crate) async fn confirm_totp(&self, actor: &Actor, code: &str) -> Result<(), ControlError> {
        let id = actor.person()?;
        let (actor, code, sealer) = (actor.clone(), code.to_owned(), self.sealer.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let user = owner(tx, id, &actor).await?;
                    let totp = tx.totp_get(id).await?.ok_or_else(none_to_confirm)?;
                    if totp.confirmed_at.is_some() {
                        return Err(none_to_confirm());
                    }
                    let now = muster_store::now();
                    let secret = sealer.open(&of_totp(id), &totp.secret)?;
                    let step = totp::verify(secret.expose(), &code, totp.last_step, now)
                        .map_err(|error| ControlError::invalid("code", error.to_string()))?;
                    tx.totp_use(id, step, now).await?;
                    changed(tx, &actor, &user, "confirm-totp").await?;
                    Ok(())
                })
            })
            .await
    }

    /// Takes the authenticator app away.
    pub(crate) async fn remove_totp(
        &self,
        actor: &Actor,
        proof: &words::Proof,
    ) -> Result<(), ControlError> {
        let user = self.prove(actor, proof).await?;
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    if !tx.totp_delete(user.id).await? {
                        return Err(ControlError::not_found("factor", "totp"));
                    }
                    drop_spare_codes(tx, user.id).await?;
                    changed(tx, &actor, &user, "remove-totp").await?;
                    Ok(())
                })
            })
            .await
    }

    /// Makes recovery codes in place of all earlier ones.
    pub(crate) async fn new_recovery_codes(
        &self,
        actor: &Actor,
        proof: &words::Proof,
    ) -> Result<RecoveryCodes, ControlError> {
        let user = self.prove(actor, proof).await?;
        let codes = recovery::issue(user.id);
        let (actor, digests) = (actor.clone(), codes.digests);
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    if !Held::of(tx, user.id).await?.is_required() {
                        return Err(ControlError::Conflict {
                            code: "no-factor",
                            message:
                                "recovery codes stand in for a second factor, and you have none"
                                    .to_owned(),
                            remedy:
                                "add an authenticator app first with: muster self factor add-totp"
                                    .to_owned(),
                        });
                    }
                    tx.recovery_codes_put(user.id, &digests, muster_store::now())
                        .await?;
                    changed(tx, &actor, &user, "make-recovery-codes").await?;
                    Ok(())
                })
            })
            .await?;
        Ok(RecoveryCodes { codes: codes.texts })
    }

    /// Takes all factors of a user away, who has lost them.
    pub(crate) async fn reset(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Outcome<()>, ControlError> {
        let (actor, name, owned) = (actor.clone(), name.to_owned(), terms.clone());
        let removes = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let user = accounts::find(tx, &name).await?;
                    accounts::require_all(tx, &actor, &user).await?;
                    owned.check(Some(&user))?;
                    let held = Held::of(tx, user.id).await?;
                    if tx.factors_delete(user.id).await? > 0 {
                        changed(tx, &actor, &user, "reset-factors").await?;
                    }
                    Ok::<_, ControlError>(held.told())
                })
            })
            .await?;
        let plan = Plan {
            removes,
            ..Plan::default()
        };
        Ok(terms.outcome((), plan))
    }

    /// What authenticator apps show above a code.
    fn issuer(&self) -> String {
        let address = self.config.get::<Management>().public_url;
        match address.as_deref().and_then(host_of) {
            Some(host) if !host.contains(':') => format!("{SITE} at {host}"),
            _ => SITE.to_owned(),
        }
    }
}

/// What a user could show.
struct Held {
    /// The authenticator app, if it counts.
    totp: Option<TotpRecord>,
    codes: Vec<String>,
    passkeys: Vec<PasskeyRecord>,
}

impl Held {
    async fn of(store: &Reader, user: UserId) -> Result<Self, StoreError> {
        let totp = store.totp_get(user).await?;
        Ok(Self {
            totp: totp.filter(|totp| totp.confirmed_at.is_some()),
            codes: store.recovery_codes(user).await?,
            passkeys: store.passkeys(user).await?,
        })
    }

    /// Whether signing in takes one of them.
    fn is_required(&self) -> bool {
        self.totp.is_some() || !self.passkeys.is_empty()
    }

    /// A line for each kind.
    fn told(&self) -> Vec<String> {
        let app = self
            .totp
            .as_ref()
            .map(|_| "the authenticator app".to_owned());
        let passkeys = (self.passkeys.len(), "passkey");
        let codes = (self.codes.len(), "recovery code");
        let some = [passkeys, codes]
            .into_iter()
            .filter(|(count, _)| *count > 0);
        let counts = some.map(|(count, what)| counted(count, what));
        app.into_iter().chain(counts).collect()
    }

    fn kinds(&self) -> Vec<FactorKind> {
        let kinds = [
            (FactorKind::Totp, self.totp.is_some()),
            (FactorKind::Passkey, !self.passkeys.is_empty()),
            (FactorKind::RecoveryCode, !self.codes.is_empty()),
        ];
        let held = kinds.into_iter().filter(|(_, held)| *held);
        held.map(|(kind, _)| kind).collect()
    }
}

async fn owner(store: &Reader, id: UserId, actor: &Actor) -> Result<UserRecord, ControlError> {
    let user = store.user_by_id(id).await?;
    user.ok_or_else(|| ControlError::not_found("user", actor.name.clone()))
}

/// Codes on paper stand in for a factor; without one they are of no use.
async fn drop_spare_codes(tx: &Tx, user: UserId) -> Result<(), StoreError> {
    if !Held::of(tx, user).await?.is_required() {
        tx.recovery_codes_put(user, &[], muster_store::now())
            .await?;
    }
    Ok(())
}

async fn changed(
    tx: &Tx,
    actor: &Actor,
    user: &UserRecord,
    verb: &'static str,
) -> Result<(), StoreError> {
    record(tx, actor, change_of(user, verb, ChangeKind::Updated)).await
}

fn none_to_confirm() -> ControlError {
    ControlError::Conflict {
        code: "no-totp",
        message: "there is no authenticator app that waits for a first code".to_owned(),
        remedy: "add one first with: muster self factor add-totp".to_owned(),
    }
}

/// The host in an address such as `https://muster.example.org:7480`.
fn host_of(address: &str) -> Option<String> {
    let address: http::Uri = address.parse().ok()?;
    address.host().map(str::to_owned)
}
