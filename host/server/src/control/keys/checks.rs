//! What stands in the way of whoever makes, looks after or uses a key.

use muster_api::{
    id::UserId,
    keys::NewKey,
    permissions::{Permission, repeated},
    units::Millis,
};
use muster_store::{AccessKeyRecord, Reader, StoreError};

use super::{MAX_LIFE, Whose, networks};
use crate::control::{error::ControlError, record::Actor, rights::Rights};

/// What a key may do at this moment.
pub(super) async fn rights_of(db: &Reader, key: &AccessKeyRecord) -> Result<Rights, StoreError> {
    let Some(user) = key.user else {
        return Ok(Rights::all());
    };
    match db.user_by_id(user).await? {
        Some(user) => Rights::of_user(db, &user, key.scopes.as_deref()).await,
        None => Ok(Rights::default()),
    }
}

/// A key has no say over other keys, so that none can put itself in the place
/// of one that lasts longer or may be used from elsewhere.
pub(super) fn only_itself(actor: &Actor, id: &str) -> Result<(), ControlError> {
    match &actor.key {
        Some(key) if actor.user.is_some() && key != id => Err(ControlError::Denied {
            code: "another-key",
            message: "an access key can see, rotate and revoke itself alone".to_owned(),
            remedy: "log in with: muster login".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The key of that id. Of other people's keys there is none for whoever asks
/// for their own.
pub(super) async fn require_key(
    db: &Reader,
    actor: &Actor,
    id: &str,
    whose: Whose,
) -> Result<AccessKeyRecord, ControlError> {
    let found = db.access_key_get(id).await?;
    let own = |key: &AccessKeyRecord| key.user.is_some() && key.user == actor.user;
    found
        .filter(|key| whose == Whose::Everybodys || own(key))
        .ok_or_else(|| ControlError::not_found("key", id))
}

pub(super) async fn user_named(db: &Reader, name: &str) -> Result<UserId, ControlError> {
    let user = match name.parse::<UserId>() {
        Ok(id) => db.user_by_id(id).await?,
        Err(_) => db.user_by_name(name).await?,
    };
    user.map(|user| user.id)
        .ok_or_else(|| ControlError::not_found("user", name))
}

/// What a new key may do at most: what was asked for if whoever asks has it.
pub(super) fn granted(
    actor: &Actor,
    asked: Option<Vec<Permission>>,
) -> Result<Option<Vec<Permission>>, ControlError> {
    let Some(asked) = asked else {
        return Ok(None);
    };
    if let Some(twice) = repeated(&asked) {
        return Err(ControlError::invalid(
            "scopes",
            format!("'{twice}' stands there twice"),
        ));
    }
    match asked.iter().find(|scope| !actor.rights.anywhere(**scope)) {
        Some(permission) => Err(ControlError::Forbidden {
            permission: *permission,
        }),
        None => Ok(Some(asked)),
    }
}

/// Checks the fields of a new key, and brings its networks into one form.
pub(super) fn check(new: &NewKey) -> Result<Vec<String>, ControlError> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(ControlError::invalid(
            "name",
            "say what the key is for in 1 to 100 characters",
        ));
    }
    if new.scopes.as_ref().is_some_and(Vec::is_empty) {
        return Err(ControlError::invalid(
            "scopes",
            "a key without any permission is of no use; leave the field out for all of yours",
        ));
    }
    if let Some(life) = new.expires_in
        && !(Millis(1_000)..=MAX_LIFE).contains(&life)
    {
        return Err(ControlError::invalid("expires_in", "from 1s to 3650d"));
    }
    networks::parse(&new.networks)
        .map_err(|(place, why)| ControlError::invalid(format!("networks.{place}"), why))
}
