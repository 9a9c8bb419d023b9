//! Enforcing quotas that were set below what runs already: apps are stopped,
//! the newest first, until the rest is within.

use muster_api::{
    apps::DesiredState,
    plan::Plan,
    quotas::{QuotaQuery, Resource},
};
use muster_store::{AppRecord, ChangeKind, ProjectRecord, Tx};

use super::{
    Quotas,
    guard::{Limit, limits_in, used},
};
use crate::control::{
    apps::change_of,
    error::ControlError,
    record::{Actor, record},
    rollouts,
    terms::Terms,
};

/// How many projects are looked at in one go.
const PROJECTS: u32 = 10_000;

impl Quotas {
    /// Stops apps until what runs is within the quotas, or tells which; in one
    /// project if told.
    pub(crate) async fn enforce(
        &self,
        actor: &Actor,
        terms: &Terms,
        query: &QuotaQuery,
    ) -> Result<Plan, ControlError> {
        let (actor, only) = (actor.clone(), query.project.clone());
        let mut plan = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let projects = match only {
                        Some(name) => {
                            let project = tx.project_by_name(&name).await?;
                            vec![project.ok_or_else(|| ControlError::not_found("project", name))?]
                        }
                        None => tx.project_list(None, None, PROJECTS).await?.items,
                    };
                    let quotas = tx.quota_list().await?;
                    let mut plan = Plan::default();
                    for project in &projects {
                        for limit in limits_in(&quotas, project.id) {
                            bring_within(tx, &actor, project, limit, &mut plan).await?;
                        }
                    }
                    Ok::<_, ControlError>(plan)
                })
            })
            .await?;
        plan.done = !terms.dry_run;
        Ok(plan)
    }
}

async fn bring_within(
    tx: &Tx,
    actor: &Actor,
    project: &ProjectRecord,
    limit: Limit,
    plan: &mut Plan,
) -> Result<(), ControlError> {
    let (name, resource) = (&project.name, limit.resource);
    let mut now = used(tx, project.id, limit.user).await?.get(resource);
    if now <= limit.allowed {
        return Ok(());
    }
    let by_running = matches!(
        resource,
        Resource::Memory | Resource::Cpu | Resource::Instances
    );
    if !by_running {
        plan.changes.push(format!(
            "{name}: {resource} {now} of {} allowed; stopping apps would not help, delete some",
            limit.allowed
        ));
        return Ok(());
    }
    let mut apps = tx
        .app_list(Some(&[project.id]), None, u32::MAX)
        .await?
        .items;
    apps.retain(|app| {
        app.state == DesiredState::Started && (limit.user.is_none() || app.user == limit.user)
    });
    apps.sort_by_key(|app| std::cmp::Reverse((app.created_at, app.id)));
    for app in apps {
        if now <= limit.allowed {
            break;
        }
        let stopped = stop(tx, actor, &app).await?;
        let after = used(tx, project.id, limit.user).await?.get(resource);
        plan.changes.push(format!(
            "the app {} of {name} is stopped: {resource} {now} → {after} of {} allowed",
            stopped.name, limit.allowed
        ));
        now = after;
    }
    Ok(())
}

async fn stop(tx: &Tx, actor: &Actor, app: &AppRecord) -> Result<AppRecord, ControlError> {
    if let Some(next) = app.next_release {
        rollouts::abandon(tx, app.id, next, "a quota was enforced").await?;
    }
    let mut app = tx.app_by_id(app.id).await?.unwrap_or_else(|| app.clone());
    app.state = DesiredState::Stopped;
    app.updated_at = muster_store::now();
    tx.app_update(&app).await?;
    record(
        tx,
        actor,
        change_of(&app, "enforce-quota", ChangeKind::Updated),
    )
    .await?;
    Ok(app)
}
