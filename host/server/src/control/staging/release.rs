//! What staging made becomes a release: droplet, routes and release appear
//! together.

use muster_api::{
    apps::DesiredState,
    blocks::FileEntry,
    id::DropletId,
    jobs::{JobState, Progress},
};
use muster_engine::Entry;
use muster_store::{ChangeKind, DropletRecord, JobRecord, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::STEPS;
use crate::control::{
    apps::{change_of, newest_release},
    error::ControlError,
    host_names::HostNames,
    jobs,
    projects::require_active,
    pushes::{PushInput, routes_of},
    quotas::Guard,
    record::{Actor, record},
    rollouts,
    routes::{DEFAULT_WEIGHT, add_target},
    views::counted,
};

/// A droplet that has no id yet.
#[derive(Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) detected: String,
    #[serde(with = "entry_word")]
    pub(super) entry: Entry,
    pub(super) component: FileEntry,
    pub(super) files: Vec<FileEntry>,
}

/// The entry point's name, as records and the API have it.
pub(crate) fn entry_name(entry: Entry) -> &'static str {
    match entry {
        Entry::IncomingHandler => "wasi:http/incoming-handler@0.2",
        Entry::Handler => "wasi:http/handler@0.3",
    }
}

/// The entry point of that name.
pub(crate) fn entry_named(name: &str) -> Option<Entry> {
    [Entry::IncomingHandler, Entry::Handler]
        .into_iter()
        .find(|entry| entry_name(*entry) == name)
}

/// An entry point in what hosts say to each other: by its name.
mod entry_word {
    use muster_engine::Entry;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(entry: &Entry, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(super::entry_name(*entry))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Entry, D::Error> {
        let name = String::deserialize(from)?;
        super::entry_named(&name)
            .ok_or_else(|| D::Error::custom(format!("there is no entry point '{name}'")))
    }
}

/// Writes it all down, unless the job was cancelled or its app deleted while
/// the stager was at work.
pub(super) async fn write_release(
    tx: &Tx,
    job: &JobRecord,
    input: PushInput,
    made: Made,
    package: Uuid,
    names: &HostNames,
) -> Result<(), ControlError> {
    let alive = tx
        .job_get(job.id)
        .await?
        .is_some_and(|job| job.state == JobState::Running);
    let app = match job.app.filter(|_| alive) {
        Some(app) => tx.app_by_id(app).await?,
        None => None,
    };
    let Some(mut app) = app else { return Ok(()) };
    require_active(tx, app.project).await?;
    // What the push has reserved is about to be used.
    let guard = Guard::before(tx, app.project).await?;
    tx.reservation_end(job.id).await?;
    let actor = Actor::on_behalf(&input.actor, app.project);
    let droplet = DropletRecord {
        id: DropletId(Uuid::now_v7()),
        app: app.id,
        package,
        detected: made.detected,
        entry: entry_name(made.entry).to_owned(),
        size: made.component.size + made.files.iter().map(|file| file.size).sum::<u64>(),
        component: made.component,
        files: made.files,
        created_at: muster_store::now(),
    };
    tx.droplet_insert(&droplet).await?;
    let before = newest_release(tx, &app).await?;
    let wanted = input.settings.apply(
        &before
            .as_ref()
            .map(|release| release.settings.clone())
            .unwrap_or_default(),
    );
    for route in routes_of(tx, &app, &input.routes, &names.domain).await? {
        // Somebody else may have come meanwhile.
        if !input.any_host {
            names.claim(tx, &actor.rights, &route, app.project).await?;
        }
        add_target(tx, &actor, &route, &app, DEFAULT_WEIGHT, None).await?;
    }
    app.instances = input.instances.unwrap_or(app.instances);
    if input.no_start && app.state == DesiredState::Started {
        // A release that is neither current nor next: one can roll back to it.
        tx.release_insert(app.id, droplet.id, &wanted, muster_store::now())
            .await?;
        tx.app_update(&app).await?;
        jobs::end(
            tx,
            job.id,
            Ok(()),
            &format!("droplet {} is staged; what runs was left alone", droplet.id),
        )
        .await?;
    } else {
        let rested = app.state == DesiredState::Stopped;
        if !input.no_start {
            app.state = DesiredState::Started;
        }
        let (release, rolls) = rollouts::begin(tx, &mut app, droplet.id, &wanted).await?;
        tx.job_input(job.id, &json!({ "release": release, "rested": rested }))
            .await?;
        if rolls {
            let line = format!(
                "droplet {} is release {release}; starting {}",
                droplet.id,
                counted(app.instances as usize, "instance")
            );
            let progress = Progress {
                done: STEPS,
                total: STEPS + u64::from(app.instances),
            };
            jobs::advance(tx, job.id, progress).await?;
            jobs::tell(tx, job.id, "starting", &[line]).await?;
        } else {
            jobs::end(
                tx,
                job.id,
                Ok(()),
                &format!("droplet {} is staged; the app is stopped", droplet.id),
            )
            .await?;
        }
    }
    rollouts::forget_old_droplets(tx, &app).await?;
    guard.after(tx).await?;
    record(tx, &actor, change_of(&app, "stage", ChangeKind::Updated)).await?;
    Ok(())
}
