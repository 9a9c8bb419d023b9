//! Ends the jobs that wait for an app's instances to be what they should be.

use muster_api::apps::DesiredState;
use muster_store::{AppRecord, Store, StoreError};

use super::instances::Instances;
use crate::control::jobs::{self, problem};

/// Why nothing starts on a host without the role.
pub(super) const NO_DEA: &str = "this host has no dea role; add it with: muster role add dea";

/// Looks at every such job.
pub(super) async fn jobs(
    store: &Store,
    instances: &Instances,
    has_dea: bool,
) -> Result<(), StoreError> {
    for job in store.job_list_unfinished().await? {
        let settles = matches!(job.kind.as_str(), "start" | "stop" | "scale")
            && jobs::release_of(&job).is_none();
        let Some(id) = job.app.filter(|_| settles) else {
            continue;
        };
        let Some(app) = store.app_by_id(id).await? else {
            continue;
        };
        let Some(outcome) = outcome(&app, instances, has_dea) else {
            continue;
        };
        let last = match &outcome {
            Ok(()) => match instances.running(id) {
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

/// What has come of it, if it has come to an end.
fn outcome(app: &AppRecord, instances: &Instances, has_dea: bool) -> Option<Result<(), String>> {
    match app.state {
        DesiredState::Stopped => (instances.present(app.id) == 0).then_some(Ok(())),
        // What was never pushed with success has nothing to wait for.
        DesiredState::Started if app.current_release.is_none() && app.next_release.is_none() => {
            Some(Ok(()))
        }
        DesiredState::Started if !has_dea => Some(Err(NO_DEA.to_owned())),
        DesiredState::Started => {
            let (running, present) = (instances.running(app.id), instances.present(app.id));
            if app.next_release.is_none() && running == app.instances && present == running {
                Some(Ok(()))
            } else {
                instances.crash_reason(app.id).map(Err)
            }
        }
    }
}
