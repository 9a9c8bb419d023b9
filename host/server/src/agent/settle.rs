//! Tells how far the jobs are that wait for an app's instances to be what they
//! should be, and ends those that wait for no more than that.

use muster_api::{apps::DesiredState, jobs::Progress};
use muster_store::{AppRecord, JobRecord, Store, StoreError};

use super::fleet::Fleet;
use crate::control::{
    jobs::{self, problem},
    placing::Placing,
    staging::STEPS,
};

/// Why nothing starts on a host without the role.
pub(super) const NO_DEA: &str = "this host has no dea role, or it is stopped; see: muster role list, and add it with: muster role add dea, or start it with: muster role start dea";

/// What jobs are measured by.
pub(super) struct Grounds<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) placing: &'a Placing,
    /// Whether there is no host at all that runs instances.
    pub(super) nobody_runs: bool,
}

/// Looks at every such job.
pub(super) async fn jobs(store: &Store, grounds: &Grounds<'_>) -> Result<(), StoreError> {
    let fleet = grounds.fleet;
    for job in store.job_list_unfinished().await? {
        let Some(id) = job.app else { continue };
        let settles = settles(&job);
        if !settles && jobs::release_of(&job).is_none() {
            continue;
        }
        let Some(app) = store.app_by_id(id).await? else {
            continue;
        };
        let progress = progress(&job, &app, fleet);
        if job.progress != Some(progress) {
            let id = job.id;
            store
                .write(move |tx| Box::pin(async move { jobs::advance(tx, id, progress).await }))
                .await?;
        }
        let outcome = settles.then(|| outcome(&app, grounds));
        let Some(outcome) = outcome.flatten() else {
            continue;
        };
        let last = match &outcome {
            Ok(()) => match fleet.running(id) {
                1 => "1 instance runs".to_owned(),
                running => format!("{running} instances run"),
            },
            Err(why) => why.clone(),
        };
        let outcome = outcome.map_err(|why| {
            let remedy = format!(
                "it is started again after a pause; see: muster app logs {}",
                app.name
            );
            problem(
                "instance-crashed",
                "An instance does not start",
                why,
                Some(remedy),
            )
        });
        store
            .write(move |tx| Box::pin(async move { jobs::end(tx, job.id, outcome, &last).await }))
            .await?;
    }
    Ok(())
}

/// Whether the job waits for instances alone, and for no release to serve.
fn settles(job: &JobRecord) -> bool {
    matches!(job.kind.as_str(), "start" | "stop" | "scale") && jobs::release_of(job).is_none()
}

/// How many of the instances that the job waits for are there, or gone. A push
/// has taken its own steps before.
fn progress(job: &JobRecord, app: &AppRecord, fleet: &Fleet) -> Progress {
    if app.state == DesiredState::Stopped {
        let left = u64::from(fleet.present(app.id));
        let total = job.progress.map_or(left, |known| known.total.max(left));
        return Progress {
            done: total - left,
            total,
        };
    }
    let before = if job.kind == "push" { STEPS } else { 0 };
    let running = match jobs::release_of(job) {
        Some(release) => fleet.running_of(app.id, release),
        None => fleet.running(app.id),
    };
    Progress {
        done: before + u64::from(running.min(app.instances)),
        total: before + u64::from(app.instances),
    }
}

/// What has come of it, if it has come to an end.
fn outcome(app: &AppRecord, grounds: &Grounds<'_>) -> Option<Result<(), String>> {
    let fleet = grounds.fleet;
    match app.state {
        DesiredState::Stopped => (fleet.present(app.id) == 0).then_some(Ok(())),
        // What was never pushed with success has nothing to wait for.
        DesiredState::Started if app.current_release.is_none() && app.next_release.is_none() => {
            Some(Ok(()))
        }
        DesiredState::Started if grounds.nobody_runs => Some(Err(NO_DEA.to_owned())),
        DesiredState::Started => {
            let (running, present) = (fleet.running(app.id), fleet.present(app.id));
            if app.next_release.is_none() && running == app.instances && present == running {
                Some(Ok(()))
            } else {
                let no_room = || {
                    let release = app.current_release?;
                    grounds.placing.hindrance(app.id, release)
                };
                fleet.crash_reason(app.id).or_else(no_room).map(Err)
            }
        }
    }
}
