//! A store with users in it, for the tests of rules.

use std::sync::Arc;

use muster_api::{
    id::{AppId, ProjectId, UserId},
    permissions::Permission,
    projects::{MemberRole, MemberState},
    users::UserType,
};
use muster_store::{AppRecord, MemberRecord, Store, UserRecord};
use tempfile::TempDir;
use uuid::Uuid;

use super::{record::Actor, rights::Rights, users};

/// A store with users of these names and types, each with a personal project.
pub(crate) async fn store_with(people: &[(&str, UserType)]) -> (Store, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("muster.db")).await.unwrap();
    let people: Vec<_> = people
        .iter()
        .map(|(name, kind)| UserRecord::new(UserId(Uuid::now_v7()), *name, *kind))
        .collect();
    let made = store.write(move |tx| {
        Box::pin(async move {
            for user in &people {
                users::insert(tx, user).await?;
            }
            Ok(())
        })
    });
    made.await.unwrap();
    (store, dir)
}

/// Somebody who calls an operation that needs this permission, with the rights
/// that they have now; limited to scopes, if told.
pub(crate) async fn limited(
    store: &Store,
    name: &str,
    permission: Option<Permission>,
    scopes: Option<&[Permission]>,
) -> Actor {
    let user = store.user_by_name(name).await.unwrap().unwrap();
    let rights = Rights::of_user(store, &user, scopes).await.unwrap();
    Actor {
        user: Some(user.id),
        permission,
        scopes: scopes.map(|scopes| scopes.iter().copied().collect()),
        rights: Arc::new(rights),
        ..Actor::host(name)
    }
}

/// Somebody who calls an operation that needs this permission.
pub(crate) async fn actor(
    store: &Store,
    name: &str,
    permission: impl Into<Option<Permission>>,
) -> Actor {
    limited(store, name, permission.into(), None).await
}

/// Puts somebody into a project as it is, whoever may do that.
pub(crate) async fn put(store: &Store, project: &str, name: &str, role: MemberRole) {
    let project = store.project_by_name(project).await.unwrap().unwrap();
    let user = store.user_by_name(name).await.unwrap().unwrap();
    let member = MemberRecord {
        project: project.id,
        user: user.id,
        role,
        state: MemberState::Member,
        created_at: muster_store::now(),
    };
    let done = store.write(move |tx| Box::pin(async move { tx.member_put(&member).await }));
    done.await.unwrap();
}

/// Makes an app that was never pushed.
pub(crate) async fn app(store: &Store, project: &str, name: &str) -> AppRecord {
    let project = store.project_by_name(project).await.unwrap().unwrap();
    let app = bare_app(project.id, name);
    let made = app.clone();
    let done = store.write(move |tx| Box::pin(async move { tx.app_insert(&made).await }));
    done.await.unwrap();
    app
}

/// An app that was never pushed.
pub(crate) fn bare_app(project: ProjectId, name: &str) -> AppRecord {
    let now = muster_store::now();
    AppRecord {
        id: AppId(Uuid::now_v7()),
        project,
        user: None,
        name: name.to_owned(),
        state: muster_api::apps::DesiredState::Started,
        instances: 1,
        current_release: None,
        next_release: None,
        last_failure: None,
        created_at: now,
        updated_at: now,
    }
}
