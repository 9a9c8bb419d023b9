//! Passkeys: the ceremonies, whose state is kept in tickets that serve once.

use muster_api::{
    config::management::Management,
    factors::{NewPasskey, Passkey, PasskeyAnswer, PasskeyChallenge, PasskeyChange, Proof},
    id::UserId,
    plan::Plan,
};
use muster_identity::{
    passkey::{self, PasskeyError, Passkeys, Started},
    secret::{self, Kind},
};
use muster_store::{PasskeyRecord, Reader, TicketRecord, Tx, UserRecord};
use serde_json::Value;
use time::Duration;

use super::{Factors, Held, SITE, changed, drop_spare_codes, host_of, owner};
use crate::control::{
    error::ControlError,
    record::Actor,
    terms::{Outcome, Terms},
};

/// How long a ceremony may take.
const LIFE: Duration = Duration::minutes(5);
/// How many passkeys a user may have.
const MAX_PASSKEYS: usize = 20;
const MAX_NAME: usize = 60;

const REGISTRATION: &str = "passkey-registration";
const SIGN_IN: &str = "passkey";

impl Factors {
    /// Begins to register a passkey.
    pub(crate) async fn passkey_registration(
        &self,
        actor: &Actor,
        proof: &Proof,
    ) -> Result<PasskeyChallenge, ControlError> {
        let site = self.site()?;
        let user = self.prove(actor, proof).await?;
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let existing = tx.passkeys(user.id).await?;
                    if existing.len() >= MAX_PASSKEYS {
                        return Err(too_many());
                    }
                    let shown = match user.display_name.as_str() {
                        "" => &user.name,
                        name => name,
                    };
                    let existing = known(&existing);
                    let started = site.start_registration(user.id, &user.name, shown, &existing);
                    keep(tx, REGISTRATION, user.id, started).await
                })
            })
            .await
    }

    /// Registers the passkey that a device has made.
    pub(crate) async fn add_passkey(
        &self,
        actor: &Actor,
        new: NewPasskey,
    ) -> Result<Passkey, ControlError> {
        let name = name(&new.name)?;
        let (site, id) = (self.site()?, actor.person()?);
        let user = owner(&self.store, id, actor).await?;
        // Used up first, whatever comes of it.
        let state = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move { take(tx, REGISTRATION, id, &new.ticket).await })
            })
            .await?;
        let state = state.ok_or_else(|| {
            ControlError::invalid(
                "ticket",
                "it is used up or too old; ask for a new challenge",
            )
        })?;
        let made = site
            .finish_registration(id, &state, new.answer)
            .map_err(|error| ControlError::invalid("answer", error.to_string()))?;
        let passkey = PasskeyRecord {
            id: made.id,
            user: id,
            name,
            data: parsed(&made.data)?,
            created_at: muster_store::now(),
            last_used_at: None,
        };
        let (actor, added) = (actor.clone(), passkey.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    if tx.passkeys(id).await?.len() >= MAX_PASSKEYS {
                        return Err(too_many());
                    }
                    tx.passkey_insert(&added).await?;
                    changed(tx, &actor, &user, "add-passkey").await?;
                    Ok(())
                })
            })
            .await?;
        Ok(view(passkey))
    }

    /// Calls one of somebody's passkeys something else.
    pub(crate) async fn rename_passkey(
        &self,
        actor: &Actor,
        terms: &Terms,
        passkey: &str,
        change: &PasskeyChange,
    ) -> Result<Outcome<PasskeyRecord>, ControlError> {
        let (user, name) = (actor.person()?, name(&change.name)?);
        let (actor, id, owned) = (actor.clone(), passkey.to_owned(), terms.clone());
        let (renamed, line) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let owner = owner(tx, user, &actor).await?;
                    let before = require(tx, user, &id).await?;
                    owned.check(Some(&before))?;
                    tx.passkey_rename(user, &id, &name).await?;
                    changed(tx, &actor, &owner, "rename-passkey").await?;
                    let line = format!("the passkey {} is called {name}", before.name);
                    Ok::<_, ControlError>((require(tx, user, &id).await?, line))
                })
            })
            .await?;
        let plan = Plan {
            changes: vec![line],
            ..Plan::default()
        };
        Ok(terms.outcome(renamed, plan))
    }

    /// One of somebody's passkeys.
    pub(crate) async fn passkey(
        &self,
        actor: &Actor,
        passkey: &str,
    ) -> Result<PasskeyRecord, ControlError> {
        require(&self.store, actor.person()?, passkey).await
    }

    /// Takes one of somebody's passkeys away.
    pub(crate) async fn remove_passkey(
        &self,
        actor: &Actor,
        passkey: &str,
        proof: &Proof,
    ) -> Result<(), ControlError> {
        let user = self.prove(actor, proof).await?;
        let (actor, id) = (actor.clone(), passkey.to_owned());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    if !tx.passkey_delete(user.id, &id).await? {
                        return Err(ControlError::not_found("passkey", id));
                    }
                    drop_spare_codes(tx, user.id).await?;
                    changed(tx, &actor, &user, "remove-passkey").await?;
                    Ok(())
                })
            })
            .await
    }

    /// What to ask the passkeys of somebody who signs in.
    pub(super) async fn passkey_challenge(
        &self,
        tx: &Tx,
        user: UserId,
        held: &Held,
    ) -> Result<PasskeyChallenge, ControlError> {
        let started = self
            .site()?
            .start_authentication(user, &known(&held.passkeys));
        keep(tx, SIGN_IN, user, started).await
    }

    /// Whether a passkey has answered the challenge of its ticket, which is
    /// used up.
    pub(super) async fn check_passkey(
        &self,
        tx: &Tx,
        user: &UserRecord,
        held: &Held,
        shown: &PasskeyAnswer,
    ) -> Result<bool, ControlError> {
        let (Ok(site), Some(state)) = (
            self.site(),
            take(tx, SIGN_IN, user.id, &shown.ticket).await?,
        ) else {
            return Ok(false);
        };
        let passkeys = known(&held.passkeys);
        let answer = shown.answer.clone();
        match site.finish_authentication(user.id, &state, answer, &passkeys) {
            Ok(used) => {
                let data = parsed(&used.data)?;
                Ok(tx
                    .passkey_used(&used.id, &data, muster_store::now())
                    .await?)
            }
            Err(error @ PasskeyError::Cloned { .. }) => {
                tracing::warn!(user = user.name, "{error}");
                changed(tx, &Actor::host("muster"), user, "suspect-passkey").await?;
                Ok(false)
            }
            Err(error) => {
                tracing::info!(user = user.name, "{error}");
                Ok(false)
            }
        }
    }

    /// The site that passkeys are for.
    pub(super) fn site(&self) -> Result<Passkeys, ControlError> {
        let settings = self.config.get::<Management>();
        let here = || format!("http://{}", self.address);
        let origin = settings.public_url.unwrap_or_else(here);
        let domain = settings.passkey_domain.or_else(|| host_of(&origin));
        let domain = domain.unwrap_or_default();
        Passkeys::new(SITE, &domain, &[&origin]).map_err(|error| ControlError::Conflict {
            code: "passkeys-need-a-name",
            message: error.to_string(),
            remedy: "an operator gives this Muster a name by setting public_url with: muster config set management"
                .to_owned(),
        })
    }
}

async fn require(db: &Reader, user: UserId, id: &str) -> Result<PasskeyRecord, ControlError> {
    let mut passkeys = db.passkeys(user).await?.into_iter();
    let found = passkeys.find(|passkey| passkey.id == id);
    found.ok_or_else(|| ControlError::not_found("passkey", id))
}

/// Keeps the state of a ceremony that has begun.
async fn keep(
    tx: &Tx,
    purpose: &str,
    user: UserId,
    started: Result<Started, PasskeyError>,
) -> Result<PasskeyChallenge, ControlError> {
    let started = started.map_err(|error| ControlError::Internal(error.to_string()))?;
    let (ticket, now) = (secret::issue(Kind::Ticket), muster_store::now());
    tx.ticket_insert(&TicketRecord {
        hash: ticket.digest,
        purpose: purpose.to_owned(),
        user: Some(user),
        data: Value::String(started.state),
        created_at: now,
        expires_at: now + LIFE,
        used_at: None,
    })
    .await?;
    Ok(PasskeyChallenge {
        ticket: ticket.text.expose().to_owned(),
        options: started.options,
    })
}

/// Uses a ticket up and gives the state of its ceremony, if it is this user's.
async fn take(
    tx: &Tx,
    purpose: &str,
    user: UserId,
    ticket: &str,
) -> Result<Option<String>, ControlError> {
    let hash = secret::digest(ticket);
    let found = tx.ticket_get(purpose, &hash).await?;
    let Some(found) = found.filter(|ticket| ticket.user == Some(user)) else {
        return Ok(None);
    };
    if !tx.ticket_use(&hash, muster_store::now()).await? {
        return Ok(None);
    }
    Ok(found.data.as_str().map(str::to_owned))
}

/// As the ceremonies take them.
fn known(passkeys: &[PasskeyRecord]) -> Vec<passkey::Passkey> {
    let known = |kept: &PasskeyRecord| passkey::Passkey {
        id: kept.id.clone(),
        data: kept.data.to_string(),
    };
    passkeys.iter().map(known).collect()
}

fn parsed(data: &str) -> Result<Value, ControlError> {
    serde_json::from_str(data).map_err(|error| ControlError::Internal(error.to_string()))
}

fn name(text: &str) -> Result<String, ControlError> {
    let name = text.trim();
    let long = name.chars().count() > MAX_NAME;
    if name.is_empty() || long || name.contains(char::is_control) {
        let why = format!("must be 1 to {MAX_NAME} characters, such as 'phone'");
        return Err(ControlError::invalid("name", why));
    }
    Ok(name.to_owned())
}

fn too_many() -> ControlError {
    ControlError::Conflict {
        code: "too-many-passkeys",
        message: format!("nobody can have more than {MAX_PASSKEYS} passkeys"),
        remedy: "remove one first with: muster self passkey remove".to_owned(),
    }
}

pub(crate) fn view(passkey: PasskeyRecord) -> Passkey {
    Passkey {
        id: passkey.id,
        name: passkey.name,
        created_at: passkey.created_at,
        last_used_at: passkey.last_used_at,
    }
}
