//! Access roles and bindings: who may do what beside what goes with the type of
//! a user and with being in a project. Nobody grants what they do not have.

mod checks;
mod traces;

use self::{
    checks::{check, grants, held, keep_an_admin, may_bind, require_role, unknown},
    traces::{binding_changed, binding_view, built_in, role_changed, view},
};
use muster_api::{
    access::{
        AccessBinding, AccessRole, AccessRoleChange, BindingQuery, NewAccessBinding, NewAccessRole,
    },
    id::BindingId,
    name,
    page::Page,
    permissions::{BUNDLES, bundle},
    plan::Plan,
};
use muster_store::{AccessBindingRecord, AccessRoleRecord, ChangeKind, Store, StoreError};
use uuid::Uuid;

use super::{error::ControlError, record::Actor, terms::Terms};

const MAX_DESCRIPTION: usize = 1000;
/// The access role that holds everything.
const ADMIN: &str = "admin";

/// Access roles and bindings.
#[derive(Clone)]
pub(crate) struct AccessControl {
    pub(crate) store: Store,
}

impl AccessControl {
    /// All access roles: those from the beginning, then the others by name.
    pub(crate) async fn roles(&self) -> Result<Page<AccessRole>, ControlError> {
        let mut items: Vec<_> = BUNDLES
            .iter()
            .filter_map(|bundle| built_in(bundle.name))
            .collect();
        let made = self.store.access_role_list().await?;
        items.extend(made.into_iter().map(view));
        Ok(Page { items, next: None })
    }

    /// One access role; and what is kept of it, if it was made.
    pub(crate) async fn role(
        &self,
        name: &str,
    ) -> Result<(Option<AccessRoleRecord>, AccessRole), ControlError> {
        if let Some(role) = built_in(name) {
            return Ok((None, role));
        }
        let role = require_role(&self.store, name).await?;
        Ok((Some(role.clone()), view(role)))
    }

    /// Makes an access role.
    pub(crate) async fn create_role(
        &self,
        actor: &Actor,
        new: NewAccessRole,
    ) -> Result<(AccessRoleRecord, AccessRole), ControlError> {
        name::check(&new.name).map_err(|why| ControlError::invalid("name", why))?;
        check(Some(&new.description), Some(&new.permissions))?;
        grants(actor, new.permissions.iter().copied().collect())?;
        let now = muster_store::now();
        let role = AccessRoleRecord {
            name: new.name,
            description: new.description,
            permissions: new.permissions,
            created_at: now,
            updated_at: now,
        };
        let (actor, kept) = (actor.clone(), role.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let taken = bundle(&kept.name).is_some();
                    if taken || tx.access_role_get(&kept.name).await?.is_some() {
                        let what = format!("an access role named '{}'", kept.name);
                        return Err(StoreError::Conflict { what }.into());
                    }
                    tx.access_role_put(&kept).await?;
                    role_changed(tx, &actor, None, Some(&kept), "create").await
                })
            })
            .await?;
        Ok((role.clone(), view(role)))
    }

    /// Changes an access role, for everybody who has it.
    pub(crate) async fn change_role(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        change: AccessRoleChange,
    ) -> Result<(AccessRoleRecord, AccessRole), ControlError> {
        if change == AccessRoleChange::default() {
            return Err(ControlError::invalid(
                "permissions",
                "nothing to change: name a description or permissions",
            ));
        }
        check(change.description.as_deref(), change.permissions.as_deref())?;
        let (actor, name, terms) = (actor.clone(), name.to_owned(), terms.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let before = require_role(tx, &name).await?;
                    terms.check(Some(&before))?;
                    let mut role = before.clone();
                    role.description = change.description.unwrap_or(role.description);
                    role.permissions = change.permissions.unwrap_or(role.permissions);
                    role.updated_at = muster_store::now();
                    let new = role.permissions.iter().copied();
                    let new = new.filter(|permission| !before.permissions.contains(permission));
                    grants(&actor, new.collect())?;
                    tx.access_role_put(&role).await?;
                    role_changed(tx, &actor, Some(&before), Some(&role), "modify").await?;
                    Ok((role.clone(), view(role)))
                })
            })
            .await
    }

    /// Deletes an access role that nobody has.
    pub(crate) async fn delete_role(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        let (actor, owned, name) = (actor.clone(), terms.clone(), name.to_owned());
        let line = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let role = require_role(tx, &name).await?;
                    owned.check(Some(&role))?;
                    let bindings = tx.access_binding_list(None).await?;
                    let users = bindings
                        .iter()
                        .filter(|binding| binding.role == name)
                        .count();
                    if users > 0 {
                        return Err(ControlError::Conflict {
                            code: "access-role-in-use",
                            message: format!("'{name}' is given to somebody {users} times"),
                            remedy: "take it from them first; see: muster access-binding list"
                                .to_owned(),
                        });
                    }
                    tx.access_role_delete(&name).await?;
                    role_changed(tx, &actor, Some(&role), None, "delete").await?;
                    Ok(format!("the access role {name}"))
                })
            })
            .await?;
        Ok(Plan {
            removes: vec![line],
            changes: Vec::new(),
            done: !terms.dry_run,
        })
    }

    /// Who has which access role where, oldest first.
    pub(crate) async fn bindings(
        &self,
        query: &BindingQuery,
    ) -> Result<Page<AccessBinding>, ControlError> {
        let user = match &query.user {
            Some(name) => {
                let user = self.store.user_by_name(name).await?;
                let missing = || ControlError::not_found("user", name);
                Some(user.ok_or_else(missing)?.id)
            }
            None => None,
        };
        let project = match &query.project {
            Some(name) => {
                let project = self.store.project_by_name(name).await?;
                let missing = || ControlError::not_found("project", name);
                Some(project.ok_or_else(missing)?.id)
            }
            None => None,
        };
        let mut items = Vec::new();
        for binding in self.store.access_binding_list(user).await? {
            if project.is_none() || binding.project == project {
                items.push(binding_view(&self.store, &binding).await?);
            }
        }
        Ok(Page { items, next: None })
    }

    /// Gives somebody an access role.
    pub(crate) async fn bind(
        &self,
        actor: &Actor,
        new: NewAccessBinding,
    ) -> Result<(AccessBindingRecord, AccessBinding), ControlError> {
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let user = tx.user_by_name(&new.user).await?;
                    let user = user.ok_or_else(|| unknown("user", &new.user))?;
                    let project = match &new.project {
                        Some(name) => {
                            let project = tx.project_by_name(name).await?;
                            Some(project.ok_or_else(|| unknown("project", name))?.id)
                        }
                        None => None,
                    };
                    let binding = AccessBindingRecord {
                        id: BindingId(Uuid::now_v7()),
                        user: user.id,
                        role: new.role.clone(),
                        project,
                        created_at: muster_store::now(),
                    };
                    let held = held(tx, &binding).await?;
                    let held = held.ok_or_else(|| unknown("role", &new.role))?;
                    if held.is_empty() {
                        let why = format!("nothing of '{}' reaches single projects", new.role);
                        return Err(ControlError::invalid("project", why));
                    }
                    may_bind(&actor, &binding, held)?;
                    let same = |other: &AccessBindingRecord| {
                        other.role == binding.role && other.project == binding.project
                    };
                    let all = tx.access_binding_list(Some(user.id)).await?;
                    if all.iter().any(same) {
                        let what = format!("a binding of '{}' to '{}' there", new.role, user.name);
                        return Err(StoreError::Conflict { what }.into());
                    }
                    tx.access_binding_insert(&binding).await?;
                    let shown = binding_view(tx, &binding).await?;
                    binding_changed(tx, &actor, &shown, ChangeKind::Created).await?;
                    Ok((binding, shown))
                })
            })
            .await
    }

    /// Takes an access role from somebody.
    pub(crate) async fn unbind(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: BindingId,
    ) -> Result<Plan, ControlError> {
        let (actor, owned) = (actor.clone(), terms.clone());
        let line = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let all = tx.access_binding_list(None).await?;
                    let binding = all.iter().find(|binding| binding.id == id);
                    let missing = || ControlError::not_found("access-binding", id.to_string());
                    let binding = binding.ok_or_else(missing)?;
                    owned.check(Some(binding))?;
                    let held = held(tx, binding).await?.unwrap_or_default();
                    may_bind(&actor, binding, held)?;
                    keep_an_admin(tx, &all, binding).await?;
                    let shown = binding_view(tx, binding).await?;
                    tx.access_binding_delete(id).await?;
                    binding_changed(tx, &actor, &shown, ChangeKind::Deleted).await?;
                    let place = shown
                        .project
                        .map_or_else(|| "everywhere".to_owned(), |name| format!("in {name}"));
                    Ok::<_, ControlError>(format!(
                        "the access role {} of {} {place}",
                        shown.role, shown.user
                    ))
                })
            })
            .await?;
        Ok(Plan {
            removes: vec![line],
            changes: Vec::new(),
            done: !terms.dry_run,
        })
    }
}

#[cfg(test)]
mod tests;
