//! What stands in the way of a change of somebody's account.

use muster_api::users::{UserState, UserType, check_display_name};
use muster_store::{Reader, Tx, UserRecord};

use crate::control::{error::ControlError, post::normal, record::Actor, rights::Rights};

pub(super) fn display_name(name: &str) -> Result<(), ControlError> {
    check_display_name(name).map_err(|message| ControlError::invalid("display_name", message))
}

/// An address as it is kept.
pub(super) fn email(text: &str) -> Result<String, ControlError> {
    normal(text).map_err(|message| ControlError::invalid("email", message))
}

/// The user of that name or id, whom the actor may change.
pub(crate) async fn require_user(
    tx: &Tx,
    actor: &Actor,
    name: &str,
) -> Result<UserRecord, ControlError> {
    let user = find(tx, name).await?;
    let theirs = Rights::of_user(tx, &user, None).await?;
    if actor.rights.covers_everywhere(&theirs) {
        Ok(user)
    } else {
        Err(above(&format!("{} may do more than you", user.name)))
    }
}

/// The user of that name or id.
pub(crate) async fn find(db: &Reader, name: &str) -> Result<UserRecord, ControlError> {
    let user = match name.parse() {
        Ok(id) => db.user_by_id(id).await?,
        Err(_) => db.user_by_name(name).await?,
    };
    user.ok_or_else(|| ControlError::not_found("user", name))
}

/// Refuses unless the actor may do all that a user may, in projects too: what
/// follows would help them to sign in as the user.
pub(crate) async fn require_all(
    tx: &Tx,
    actor: &Actor,
    user: &UserRecord,
) -> Result<(), ControlError> {
    let theirs = Rights::of_user(tx, user, None).await?;
    if actor.rights.covers(&theirs) {
        Ok(())
    } else {
        Err(above(&format!(
            "this would help to sign in as {}, who may do more than you",
            user.name
        )))
    }
}

/// Refuses to make somebody who may do more than the actor.
pub(super) fn require_type(actor: &Actor, kind: UserType) -> Result<(), ControlError> {
    if actor.rights.covers(&Rights::of_type(kind)) {
        Ok(())
    } else {
        Err(above(&format!(
            "a user of type {} may do more than you",
            kind.word()
        )))
    }
}

pub(super) fn above(message: &str) -> ControlError {
    ControlError::Conflict {
        code: "above-you",
        message: message.to_owned(),
        remedy: "ask an admin; see who they are with: muster user list --type admin".to_owned(),
    }
}

/// Refuses to lose the last admin who can sign in.
pub(super) async fn keep_an_admin(tx: &Tx, user: &UserRecord) -> Result<(), ControlError> {
    let is_admin = user.kind == UserType::Admin && user.state == UserState::Active;
    if is_admin && tx.user_count_active(UserType::Admin).await? <= 1 {
        return Err(ControlError::Conflict {
            code: "last-admin",
            message: format!("{} is the last active admin", user.name),
            remedy: "make another one first with: muster user create".to_owned(),
        });
    }
    Ok(())
}
