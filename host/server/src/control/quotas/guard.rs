//! Nothing grows over a quota: whoever changes something in a project takes a
//! guard before and has it look again after, within the transaction.

use std::time::Duration;

use muster_api::{
    apps::DesiredState,
    id::{JobId, ProjectId, UserId},
    quotas::{OverQuota, Resource},
    settings::Limits,
};
use muster_store::{AppRecord, QuotaRecord, Reader, ReservationRecord, StoreError, Tx};
use uuid::Uuid;

use crate::control::{apps::newest_release, error::ControlError};

/// How long what a push reserves is held for it.
const HELD: Duration = Duration::from_secs(3600);

/// Amounts of all resources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amounts([u64; Resource::ALL.len()]);

impl Amounts {
    pub(crate) fn get(&self, resource: Resource) -> u64 {
        self.0[resource as usize]
    }

    pub(crate) fn add(&mut self, resource: Resource, amount: u64) {
        let place = &mut self.0[resource as usize];
        *place = place.saturating_add(amount);
    }

    /// What instances with these limits use.
    pub(crate) fn running(&mut self, instances: u32, limits: &Limits) {
        let instances = u64::from(instances);
        self.add(Resource::Instances, instances);
        self.add(Resource::Memory, instances.saturating_mul(limits.memory.0));
        self.add(Resource::Cpu, instances.saturating_mul(limits.cpu.0));
    }

    /// What there is more of here than there.
    pub(crate) fn beyond(&self, other: &Self) -> Self {
        let mut more = Self::default();
        for resource in Resource::ALL {
            let beyond = self.get(resource).saturating_sub(other.get(resource));
            more.add(resource, beyond);
        }
        more
    }
}

/// A quota that holds in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) user: Option<UserId>,
    pub(crate) resource: Resource,
    pub(crate) allowed: u64,
}

/// The quotas that hold in a project: its own, else those of every project.
pub(crate) fn limits_in(quotas: &[QuotaRecord], project: ProjectId) -> Vec<Limit> {
    let own = |quota: &&QuotaRecord| quota.project == Some(project);
    let general = |quota: &&QuotaRecord| {
        let same = |other: &QuotaRecord| {
            other.project == Some(project)
                && other.user == quota.user
                && other.resource == quota.resource
        };
        quota.project.is_none() && !quotas.iter().any(same)
    };
    let limit = |quota: &QuotaRecord| Limit {
        user: quota.user,
        resource: quota.resource,
        allowed: quota.limit,
    };
    let own = quotas.iter().filter(own);
    own.chain(quotas.iter().filter(general))
        .map(limit)
        .collect()
}

/// What is used in a project: of everybody's apps, or of one user's.
pub(crate) async fn used(
    db: &Reader,
    project: ProjectId,
    user: Option<UserId>,
) -> Result<Amounts, ControlError> {
    let mut used = Amounts::default();
    let among = [project];
    let apps = db.app_list(Some(&among), None, u32::MAX).await?.items;
    let counts = |app: &AppRecord| user.is_none() || app.user == user;
    for app in apps.iter().filter(|app| counts(app)) {
        used.add(Resource::Apps, 1);
        if app.state == DesiredState::Started {
            let release = newest_release(db, app).await?;
            let limits = release.map(|release| release.settings.limits);
            used.running(app.instances, &limits.unwrap_or_default());
        }
        for droplet in db.droplet_list(app.id).await? {
            used.add(Resource::Disk, droplet.size);
        }
    }
    for route in db.route_list(Some(&among), None, u32::MAX).await?.items {
        let first = route.targets.first();
        let app = first.and_then(|target| apps.iter().find(|app| app.id == target.app));
        if user.is_none() || app.is_some_and(counts) {
            used.add(Resource::Routes, 1);
        }
    }
    Ok(used)
}

/// What is reserved in a project beside that.
pub(crate) async fn reserved(
    db: &Reader,
    project: ProjectId,
    user: Option<UserId>,
) -> Result<Amounts, StoreError> {
    let mut reserved = Amounts::default();
    for one in db.reservation_list(project, muster_store::now()).await? {
        if user.is_none() || one.user == user {
            reserved.add(one.resource, one.amount);
        }
    }
    Ok(reserved)
}

/// Knows what was used before a change.
pub(crate) struct Guard {
    project: ProjectId,
    limits: Vec<Limit>,
    before: Vec<u64>,
}

impl Guard {
    /// Looks before the change.
    pub(crate) async fn before(tx: &Tx, project: ProjectId) -> Result<Self, ControlError> {
        let limits = limits_in(&tx.quota_list().await?, project);
        let before = totals(tx, project, &limits).await?;
        Ok(Self {
            project,
            limits,
            before,
        })
    }

    /// Looks after the change. What has grown must be within its quotas; what
    /// was over before may stay, and shrink.
    ///
    /// # Errors
    /// [`ControlError::OverQuota`], which rolls the transaction back.
    pub(crate) async fn after(self, tx: &Tx) -> Result<(), ControlError> {
        let after = totals(tx, self.project, &self.limits).await?;
        let totals = self.before.iter().zip(after);
        for (limit, (before, after)) in self.limits.iter().zip(totals) {
            if after > *before && after > limit.allowed {
                let project = tx.project_get(self.project).await?;
                let user = match limit.user {
                    Some(user) => tx.user_by_id(user).await?.map(|user| user.name),
                    None => None,
                };
                return Err(ControlError::OverQuota(Box::new(OverQuota {
                    resource: limit.resource,
                    project: project.map(|project| project.name).unwrap_or_default(),
                    user,
                    used: *before,
                    asked: after - before,
                    allowed: limit.allowed,
                })));
            }
        }
        Ok(())
    }
}

/// What is used and reserved of each limit. Without limits, nothing is counted.
async fn totals(tx: &Tx, project: ProjectId, limits: &[Limit]) -> Result<Vec<u64>, ControlError> {
    let mut counted: Vec<(Option<UserId>, Amounts)> = Vec::new();
    let mut totals = Vec::with_capacity(limits.len());
    for limit in limits {
        let known = counted.iter().find(|(user, _)| *user == limit.user);
        let amounts = match known {
            Some((_, amounts)) => *amounts,
            None => {
                let mut amounts = used(tx, project, limit.user).await?;
                let more = reserved(tx, project, limit.user).await?;
                for resource in Resource::ALL {
                    amounts.add(resource, more.get(resource));
                }
                counted.push((limit.user, amounts));
                amounts
            }
        };
        totals.push(amounts.get(limit.resource));
    }
    Ok(totals)
}

/// Reserves what a job will use. It is let go of when the job ends, and when
/// what it reserved is used.
pub(crate) async fn reserve(
    tx: &Tx,
    app: &AppRecord,
    job: JobId,
    amounts: &Amounts,
) -> Result<(), StoreError> {
    let now = muster_store::now();
    for resource in Resource::ALL {
        let amount = amounts.get(resource);
        if amount > 0 {
            tx.reservation_insert(&ReservationRecord {
                id: Uuid::now_v7(),
                project: app.project,
                user: app.user,
                job,
                resource,
                amount,
                created_at: now,
                expires_at: now + HELD,
            })
            .await?;
        }
    }
    Ok(())
}
