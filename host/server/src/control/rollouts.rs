//! Roll-outs: a new release starts beside the old one and takes its place once
//! it serves, or is given up and changes nothing.

use muster_api::{
    apps::DesiredState,
    id::{AppId, DropletId},
    settings::Settings,
};
use muster_store::{AppRecord, ChangeKind, Store, StoreError, Tx};

use serde_json::Value;

use super::jobs;

/// How many droplets of each app are kept.
const KEPT_DROPLETS: usize = 10;

/// Makes a release and, if the app should run, has it rolled out: `true` then.
/// An app that should not run has it as its current one at once.
pub(crate) async fn begin(
    tx: &Tx,
    app: &mut AppRecord,
    droplet: DropletId,
    settings: &Settings,
) -> Result<(u64, bool), StoreError> {
    let number = tx
        .release_insert(app.id, droplet, settings, muster_store::now())
        .await?;
    if let Some(before) = app.next_release.take() {
        let why = format!("superseded by release {number}");
        end_jobs(tx, app.id, before, Some(&why)).await?;
    }
    let rolls = app.state == DesiredState::Started;
    if rolls {
        app.next_release = Some(number);
    } else {
        app.current_release = Some(number);
        tx.release_served(app.id, number).await?;
        app.last_failure = None;
    }
    app.updated_at = muster_store::now();
    tx.app_update(app).await?;
    Ok((number, rolls))
}

/// What the droplet execution agent found out about a roll-out.
pub(crate) async fn finish(
    store: &Store,
    app: AppId,
    release: u64,
    failure: Option<String>,
) -> Result<(), StoreError> {
    store
        .write(move |tx| {
            Box::pin(async move {
                match failure {
                    Some(why) => abandon(tx, app, release, &why).await,
                    None => promote(tx, app, release).await,
                }
            })
        })
        .await
}

async fn promote(tx: &Tx, id: AppId, release: u64) -> Result<(), StoreError> {
    let Some(mut app) = tx
        .app_by_id(id)
        .await?
        .filter(|app| app.next_release == Some(release))
    else {
        return Ok(());
    };
    app.current_release = app.next_release.take();
    tx.release_served(id, release).await?;
    app.last_failure = None;
    app.updated_at = muster_store::now();
    tx.app_update(&app).await?;
    end_jobs(tx, id, release, None).await?;
    forget_old_droplets(tx, &app).await?;
    tx.change_append("app", id, ChangeKind::Updated, Some(app.project))
        .await?;
    Ok(())
}

/// Gives up a roll-out; what ran before goes on.
pub(crate) async fn abandon(tx: &Tx, id: AppId, release: u64, why: &str) -> Result<(), StoreError> {
    let Some(mut app) = tx
        .app_by_id(id)
        .await?
        .filter(|app| app.next_release == Some(release))
    else {
        return Ok(());
    };
    app.next_release = None;
    if rested(tx, id, release).await? {
        app.state = DesiredState::Stopped;
    }
    app.last_failure = Some(format!("release {release}: {why}"));
    app.updated_at = muster_store::now();
    tx.app_update(&app).await?;
    end_jobs(tx, id, release, Some(why)).await?;
    tx.change_append("app", id, ChangeKind::Updated, Some(app.project))
        .await?;
    Ok(())
}

/// Whether the app was stopped when the roll-out began: it is again, then.
async fn rested(tx: &Tx, app: AppId, release: u64) -> Result<bool, StoreError> {
    let jobs = tx.job_list_unfinished().await?;
    Ok(jobs.iter().any(|job| {
        job.app == Some(app)
            && jobs::release_of(job) == Some(release)
            && job.input.get("rested").and_then(Value::as_bool) == Some(true)
    }))
}

/// Ends the jobs that rolled out a release.
async fn end_jobs(
    tx: &Tx,
    app: AppId,
    release: u64,
    failure: Option<&str>,
) -> Result<(), StoreError> {
    for job in tx.job_list_unfinished().await? {
        if job.app != Some(app) || jobs::release_of(&job) != Some(release) {
            continue;
        }
        let (outcome, last) = match failure {
            None => (Ok(()), format!("release {release} serves")),
            Some(why) => {
                let problem = jobs::problem(
                    "rollout-failed",
                    "The new release does not serve",
                    why,
                    Some(format!(
                        "what ran before goes on; see: muster app logs {}",
                        job.subject
                    )),
                );
                (
                    Err(problem),
                    format!("release {release} was given up: {why}"),
                )
            }
        };
        jobs::end(tx, job.id, outcome, &last).await?;
    }
    Ok(())
}

/// Deletes droplets beyond those that are kept, but none that runs.
pub(crate) async fn forget_old_droplets(tx: &Tx, app: &AppRecord) -> Result<(), StoreError> {
    let mut used = Vec::new();
    for number in app.current_release.into_iter().chain(app.next_release) {
        used.extend(
            tx.release_get(app.id, number)
                .await?
                .map(|release| release.droplet),
        );
    }
    let old = tx
        .droplet_list(app.id)
        .await?
        .into_iter()
        .skip(KEPT_DROPLETS);
    for droplet in old.filter(|droplet| !used.contains(&droplet.id)) {
        tx.release_delete_by_droplet(droplet.id).await?;
        tx.droplet_delete(droplet.id).await?;
    }
    Ok(())
}
