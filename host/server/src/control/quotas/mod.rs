//! Quotas: how much of what a project, or one of its members, may use. What is
//! used is counted from what there is, and what jobs under way have reserved.

mod enforce;
mod guard;

use muster_api::{
    id::{ProjectId, QuotaId},
    page::Page,
    permissions::Permission,
    plan::Plan,
    quotas::{NewQuota, Quota, QuotaQuery, Resource, Usage},
    units::{ByteSize, Millis},
};
use muster_store::{ChangeKind, QuotaRecord, Reader, Store, StoreError, Tx};
use uuid::Uuid;

pub(crate) use self::guard::{Amounts, Guard, reserve};
use self::guard::{limits_in, reserved, used};
use super::{
    error::ControlError,
    projects::require_project,
    record::{Actor, Change, record, value},
    terms::{Outcome, Terms},
};

/// The quotas of this Muster.
#[derive(Clone)]
pub(crate) struct Quotas {
    pub(crate) store: Store,
}

impl Quotas {
    /// The quotas that somebody may see: of their projects, and those that hold
    /// for every project; oldest first.
    pub(crate) async fn list(
        &self,
        actor: &Actor,
        query: &QuotaQuery,
    ) -> Result<Page<Quota>, ControlError> {
        let only = match &query.project {
            Some(name) => Some(require_project(&self.store, actor, name).await?.id),
            None => None,
        };
        let mut items = Vec::new();
        for quota in self.store.quota_list().await? {
            let asked = only.is_none() || quota.project == only;
            if asked && sees(actor, &quota) {
                items.push(view(&self.store, &quota).await?);
            }
        }
        Ok(Page { items, next: None })
    }

    /// One quota.
    pub(crate) async fn show(
        &self,
        actor: &Actor,
        id: QuotaId,
    ) -> Result<(QuotaRecord, Quota), ControlError> {
        let quota = self.store.quota_get(id).await?;
        let quota = quota.filter(|quota| sees(actor, quota));
        let quota = quota.ok_or_else(|| missing(id))?;
        let shown = view(&self.store, &quota).await?;
        Ok((quota, shown))
    }

    /// Sets a quota, in place of the one before. What is over it already stays,
    /// but does not grow.
    pub(crate) async fn set(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: NewQuota,
    ) -> Result<Outcome<(QuotaRecord, Quota)>, ControlError> {
        if i64::try_from(new.limit).is_err() {
            return Err(ControlError::invalid("limit", "2^63 - 1 at most"));
        }
        let (actor, owned) = (actor.clone(), terms.clone());
        let (quota, shown, line) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let project = match &new.project {
                        Some(name) => {
                            let project = tx.project_by_name(name).await?;
                            Some(project.ok_or_else(|| unknown("project", name))?.id)
                        }
                        None => None,
                    };
                    let user = match &new.user {
                        Some(name) => {
                            let user = tx.user_by_name(name).await?;
                            Some(user.ok_or_else(|| unknown("user", name))?.id)
                        }
                        None => None,
                    };
                    let all = tx.quota_list().await?;
                    let before = all.into_iter().find(|quota| {
                        (quota.project, quota.user, quota.resource) == (project, user, new.resource)
                    });
                    owned.check(before.as_ref())?;
                    let fresh = || QuotaId(Uuid::now_v7());
                    let quota = QuotaRecord {
                        id: before.as_ref().map_or_else(fresh, |quota| quota.id),
                        project,
                        user,
                        resource: new.resource,
                        limit: new.limit,
                        updated_at: muster_store::now(),
                    };
                    tx.quota_put(&quota).await?;
                    changed(tx, &actor, before.as_ref(), Some(&quota), "set").await?;
                    let shown = view(tx, &quota).await?;
                    let was = before.map_or_else(
                        || "none".to_owned(),
                        |before| amount(before.resource, before.limit),
                    );
                    let is = amount(quota.resource, quota.limit);
                    let line = format!("the quota of {}: {was} → {is}", named(&shown));
                    Ok::<_, ControlError>((quota, shown, line))
                })
            })
            .await?;
        let plan = Plan {
            changes: vec![line],
            ..Plan::default()
        };
        Ok(terms.outcome((quota, shown), plan))
    }

    /// Takes a quota away.
    pub(crate) async fn unset(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: QuotaId,
    ) -> Result<Plan, ControlError> {
        let (actor, owned) = (actor.clone(), terms.clone());
        let line = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let quota = tx.quota_get(id).await?.ok_or_else(|| missing(id))?;
                    owned.check(Some(&quota))?;
                    let shown = view(tx, &quota).await?;
                    tx.quota_delete(id).await?;
                    changed(tx, &actor, Some(&quota), None, "unset").await?;
                    let is = amount(quota.resource, quota.limit);
                    Ok::<_, ControlError>(format!("the quota of {} ({is})", named(&shown)))
                })
            })
            .await?;
        Ok(Plan {
            removes: vec![line],
            changes: Vec::new(),
            done: !terms.dry_run,
        })
    }

    /// What is used in a project of everything, and of what its members may.
    pub(crate) async fn usage(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<Page<Usage>, ControlError> {
        let project = require_project(&self.store, actor, name).await?;
        let limits = limits_in(&self.store.quota_list().await?, project.id);
        let mut items = Vec::new();
        let mut users: Vec<_> = limits.iter().map(|limit| limit.user).collect();
        users.push(None);
        users.sort_unstable();
        users.dedup();
        for user in users {
            let name = match user {
                Some(user) => self.store.user_by_id(user).await?.map(|user| user.name),
                None => None,
            };
            let used = used(&self.store, project.id, user).await?;
            let reserved = reserved(&self.store, project.id, user).await?;
            for resource in Resource::ALL {
                let limit = limits
                    .iter()
                    .find(|limit| limit.user == user && limit.resource == resource);
                // Of members only what is limited is of interest.
                if user.is_none() || limit.is_some() {
                    items.push(Usage {
                        resource,
                        user: name.clone(),
                        used: used.get(resource),
                        reserved: reserved.get(resource),
                        allowed: limit.map(|limit| limit.allowed),
                    });
                }
            }
        }
        Ok(Page { items, next: None })
    }
}

/// Everybody who sees some quotas sees those that hold for every project, for
/// everybody or for themselves.
fn sees(actor: &Actor, quota: &QuotaRecord) -> bool {
    let permission = Permission::QuotaRead;
    match (quota.project, quota.user) {
        (Some(project), _) => actor.rights.within(project, permission),
        (None, None) => true,
        (None, user) => user == actor.user || actor.rights.everywhere(permission),
    }
}

fn missing(id: QuotaId) -> ControlError {
    ControlError::not_found("quota", id.to_string())
}

fn unknown(field: &str, name: &str) -> ControlError {
    ControlError::invalid(field, format!("there is no {field} '{name}'"))
}

async fn project_name(db: &Reader, id: ProjectId) -> Result<Option<String>, StoreError> {
    Ok(db.project_get(id).await?.map(|project| project.name))
}

async fn view(db: &Reader, quota: &QuotaRecord) -> Result<Quota, StoreError> {
    let project = match quota.project {
        Some(project) => project_name(db, project).await?,
        None => None,
    };
    let user = match quota.user {
        Some(user) => db.user_by_id(user).await?.map(|user| user.name),
        None => None,
    };
    Ok(Quota {
        id: quota.id,
        project,
        user,
        resource: quota.resource,
        limit: quota.limit,
        updated_at: quota.updated_at,
    })
}

/// What a quota is called: of what, of whom and where.
fn named(quota: &Quota) -> String {
    let place = quota.project.as_deref().unwrap_or("every project");
    match &quota.user {
        Some(user) => format!("{} of {user} in {place}", quota.resource),
        None => format!("{} in {place}", quota.resource),
    }
}

/// How much, as people read it.
fn amount(resource: Resource, limit: u64) -> String {
    match resource {
        Resource::Cpu => Millis(limit).to_string(),
        resource if resource.is_bytes() => ByteSize(limit).to_string(),
        _ => limit.to_string(),
    }
}

async fn changed(
    tx: &Tx,
    actor: &Actor,
    before: Option<&QuotaRecord>,
    after: Option<&QuotaRecord>,
    verb: &'static str,
) -> Result<(), ControlError> {
    let Some(quota) = after.or(before) else {
        return Ok(());
    };
    let kind = match (before, after) {
        (None, _) => ChangeKind::Created,
        (_, None) => ChangeKind::Deleted,
        _ => ChangeKind::Updated,
    };
    let before = match before {
        Some(quota) => value(&view(tx, quota).await?),
        None => None,
    };
    let after = match after {
        Some(quota) => value(&view(tx, quota).await?),
        None => None,
    };
    let name = named(&view(tx, quota).await?);
    let change = Change {
        resource: "quota",
        project: quota.project,
        id: quota.id.to_string(),
        name: &name,
        verb,
        kind,
        before,
        after,
    };
    Ok(record(tx, actor, change).await?)
}

#[cfg(test)]
mod tests;
