//! Access roles and bindings as they are shown, and the traces of their changes.

use muster_api::{
    access::{AccessBinding, AccessRole},
    permissions::bundle,
};
use muster_store::{AccessBindingRecord, AccessRoleRecord, ChangeKind, Reader, StoreError, Tx};

use crate::control::{
    error::ControlError,
    record::{Actor, Change, record, value},
};

pub(super) fn built_in(name: &str) -> Option<AccessRole> {
    bundle(name).map(|bundle| AccessRole {
        name: bundle.name.to_owned(),
        description: bundle.description.to_owned(),
        permissions: bundle.permissions.to_vec(),
        built_in: true,
    })
}

pub(super) fn view(role: AccessRoleRecord) -> AccessRole {
    AccessRole {
        name: role.name,
        description: role.description,
        permissions: role.permissions,
        built_in: false,
    }
}

pub(super) async fn binding_view(
    db: &Reader,
    binding: &AccessBindingRecord,
) -> Result<AccessBinding, StoreError> {
    let user = db.user_by_id(binding.user).await?;
    let project = match binding.project {
        Some(project) => db.project_get(project).await?.map(|project| project.name),
        None => None,
    };
    Ok(AccessBinding {
        id: binding.id,
        user: user.map(|user| user.name).unwrap_or_default(),
        role: binding.role.clone(),
        project,
        created_at: binding.created_at,
    })
}

pub(super) async fn role_changed(
    tx: &Tx,
    actor: &Actor,
    before: Option<&AccessRoleRecord>,
    after: Option<&AccessRoleRecord>,
    verb: &'static str,
) -> Result<(), ControlError> {
    let kind = match (before, after) {
        (None, _) => ChangeKind::Created,
        (_, None) => ChangeKind::Deleted,
        _ => ChangeKind::Updated,
    };
    let Some(role) = after.or(before) else {
        return Ok(());
    };
    let shown = |role: &AccessRoleRecord| value(&view(role.clone()));
    let change = Change {
        resource: "access-role",
        project: None,
        id: role.name.clone(),
        name: &role.name,
        verb,
        kind,
        before: before.and_then(shown),
        after: after.and_then(shown),
    };
    Ok(record(tx, actor, change).await?)
}

pub(super) async fn binding_changed(
    tx: &Tx,
    actor: &Actor,
    binding: &AccessBinding,
    kind: ChangeKind,
) -> Result<(), ControlError> {
    let gone = kind == ChangeKind::Deleted;
    let (before, after) = if gone {
        (value(binding), None)
    } else {
        (None, value(binding))
    };
    let change = Change {
        resource: "access-binding",
        project: None,
        id: binding.id.to_string(),
        name: &binding.user,
        verb: if gone { "delete" } else { "create" },
        kind,
        before,
        after,
    };
    Ok(record(tx, actor, change).await?)
}
