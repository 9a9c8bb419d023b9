//! What stands in the way of a change of access roles and bindings.

use muster_api::{
    permissions::{Permission, PermissionSet, bundle, repeated},
    users::{UserState, UserType},
};
use muster_store::{AccessBindingRecord, AccessRoleRecord, Reader, StoreError, Tx};

use super::{ADMIN, MAX_DESCRIPTION};
use crate::control::{error::ControlError, record::Actor, rights::reaching_projects};

/// What a binding gives; nothing if there is no such role.
pub(super) async fn held(
    db: &Reader,
    binding: &AccessBindingRecord,
) -> Result<Option<PermissionSet>, StoreError> {
    let set = match bundle(&binding.role) {
        Some(bundle) => Some(bundle.set()),
        None => {
            let role = db.access_role_get(&binding.role).await?;
            role.map(|role| role.permissions.into_iter().collect())
        }
    };
    Ok(set.map(|set| match binding.project {
        Some(_) => reaching_projects(set),
        None => set,
    }))
}

pub(super) fn may_bind(
    actor: &Actor,
    binding: &AccessBindingRecord,
    held: PermissionSet,
) -> Result<(), ControlError> {
    match actor.rights.lacking(held, binding.project) {
        Some(permission) => Err(ControlError::Forbidden { permission }),
        None => Ok(()),
    }
}

/// A role may be bound everywhere, so whoever fills it must have it everywhere.
pub(super) fn grants(actor: &Actor, set: PermissionSet) -> Result<(), ControlError> {
    match actor.rights.lacking(set, None) {
        Some(permission) => Err(ControlError::Forbidden { permission }),
        None => Ok(()),
    }
}

/// Refuses if nobody would be left who may do everything.
pub(super) async fn keep_an_admin(
    tx: &Tx,
    all: &[AccessBindingRecord],
    going: &AccessBindingRecord,
) -> Result<(), ControlError> {
    let is_admin =
        |binding: &&AccessBindingRecord| binding.role == ADMIN && binding.project.is_none();
    if !is_admin(&going) || tx.user_count_active(UserType::Admin).await? > 0 {
        return Ok(());
    }
    for binding in all.iter().filter(is_admin) {
        let user = tx.user_by_id(binding.user).await?;
        let active = user.is_some_and(|user| user.state == UserState::Active);
        if binding.id != going.id && active {
            return Ok(());
        }
    }
    Err(ControlError::Conflict {
        code: "last-admin",
        message: "nobody would be left who may do everything".to_owned(),
        remedy: "make somebody else an admin first: muster access-binding create NAME admin"
            .to_owned(),
    })
}

pub(super) async fn require_role(
    db: &Reader,
    name: &str,
) -> Result<AccessRoleRecord, ControlError> {
    if bundle(name).is_some() {
        return Err(ControlError::Conflict {
            code: "access-role-builtin",
            message: format!("'{name}' has been there from the beginning and stays as it is"),
            remedy: "make another one with: muster access-role create NAME".to_owned(),
        });
    }
    let role = db.access_role_get(name).await?;
    role.ok_or_else(|| ControlError::not_found("access-role", name))
}

pub(super) fn unknown(field: &str, name: &str) -> ControlError {
    ControlError::invalid(field, format!("there is no {field} '{name}'"))
}

pub(super) fn check(
    description: Option<&str>,
    permissions: Option<&[Permission]>,
) -> Result<(), ControlError> {
    if description.is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
        let message = format!("{MAX_DESCRIPTION} characters at most");
        return Err(ControlError::invalid("description", message));
    }
    let Some(permissions) = permissions else {
        return Ok(());
    };
    if permissions.is_empty() {
        return Err(ControlError::invalid("permissions", "name at least one"));
    }
    match repeated(permissions) {
        Some(twice) => Err(ControlError::invalid(
            "permissions",
            format!("'{twice}' stands there twice"),
        )),
        None => Ok(()),
    }
}
