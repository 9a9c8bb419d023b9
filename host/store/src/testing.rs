//! Stores and records for the tests of this crate.

use muster_api::{
    apps::DesiredState,
    blocks::{Digest, FileEntry},
    id::{AppId, DropletId, JobId, ProjectId, UserId},
    jobs::JobState,
    users::UserType,
};
use muster_e2e::servers::{Database, on_postgres};
use std::path::Path;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{AppRecord, DropletRecord, JobRecord, PackageRecord, Store, UserRecord, now};

/// Where apps, routes and jobs belong.
pub(crate) const PROJECT: ProjectId = ProjectId(Uuid::from_u128(7));

/// Where a store keeps what it knows. It lives as long as this value.
pub(crate) enum Place {
    File(TempDir),
    Server(Database),
}

impl Place {
    /// The folder of a file.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::File(dir) => dir.path(),
            Self::Server(_) => panic!("a store on a server has no folder"),
        }
    }

    /// Opens the store once more, as another host or a later start would.
    pub(crate) async fn open(&self) -> Store {
        match self {
            Self::File(dir) => Store::open(&dir.path().join("muster.db")).await,
            Self::Server(database) => Store::connect(&database.url().parse().unwrap()).await,
        }
        .unwrap()
    }
}

/// A fresh store: on SQLite, or on PostgreSQL if `MUSTER_TEST_DATABASE` says so.
pub(crate) async fn store() -> (Store, Place) {
    if on_postgres() {
        return on_server().await;
    }
    in_file().await
}

/// A fresh store in a file.
pub(crate) async fn in_file() -> (Store, Place) {
    let place = Place::File(tempfile::tempdir().unwrap());
    (place.open().await, place)
}

/// A fresh store on a server.
pub(crate) async fn on_server() -> (Store, Place) {
    let place = Place::Server(Database::create());
    (place.open().await, place)
}

pub(crate) fn user(name: &str) -> UserRecord {
    UserRecord::new(UserId(Uuid::now_v7()), name, UserType::Admin)
}

pub(crate) fn app(name: &str) -> AppRecord {
    AppRecord {
        id: AppId(Uuid::now_v7()),
        project: PROJECT,
        user: None,
        name: name.to_owned(),
        state: DesiredState::Started,
        instances: 1,
        current_release: None,
        next_release: None,
        last_failure: None,
        created_at: now(),
        updated_at: now(),
    }
}

/// A digest that stands for `content`, without being its hash.
pub(crate) fn digest(content: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes[..content.len()].copy_from_slice(content.as_bytes());
    Digest::from_bytes(&bytes)
}

pub(crate) fn file(path: &str, content: &str) -> FileEntry {
    FileEntry {
        path: path.to_owned(),
        size: 7,
        blocks: vec![digest(content)],
    }
}

pub(crate) fn package(content: &str) -> PackageRecord {
    PackageRecord {
        id: Uuid::now_v7(),
        files: vec![file("app.wasm", content)],
        size: 7,
        created_at: now(),
    }
}

pub(crate) fn droplet(app: &AppRecord, package: &PackageRecord) -> DropletRecord {
    DropletRecord {
        id: DropletId(Uuid::now_v7()),
        app: app.id,
        package: package.id,
        detected: "component".to_owned(),
        entry: "wasi:http/incoming-handler@0.2".to_owned(),
        component: package.files[0].clone(),
        files: Vec::new(),
        size: package.size,
        created_at: now(),
    }
}

pub(crate) fn job(subject: &str, app: Option<AppId>) -> JobRecord {
    JobRecord {
        id: JobId(Uuid::now_v7()),
        kind: "push".to_owned(),
        subject: subject.to_owned(),
        app,
        project: Some(PROJECT),
        state: JobState::Queued,
        step: "waiting".to_owned(),
        progress: None,
        input: serde_json::json!({ "package": "p" }),
        log: Vec::new(),
        problem: None,
        created_at: now(),
        started_at: None,
        ended_at: None,
    }
}
