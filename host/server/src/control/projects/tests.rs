//! Attempts to get further through projects than one may.

mod passing;

use muster_api::{
    apps::DesiredState, permissions::Permission as P, quotas::Resource, users::UserType,
};
use muster_store::AccessBindingRecord;

use super::*;
use crate::control::{
    apps::require_app,
    jobs,
    quotas::{Amounts, reserve},
    terms::Outcome,
    testing::{actor, app, limited, put, store_with},
};

fn dry() -> Terms {
    Terms {
        dry_run: true,
        ..Terms::default()
    }
}

fn code(error: ControlError) -> String {
    match error {
        ControlError::Conflict { code, .. } | ControlError::Denied { code, .. } => code.to_owned(),
        ControlError::Forbidden { permission } => permission.to_string(),
        ControlError::NotFound { kind, .. } => format!("no {kind}"),
        ControlError::Invalid(fields) => fields[0].field.clone(),
        other => other.to_string(),
    }
}

fn new(name: &str, join: JoinPolicy, leave: JoinPolicy) -> NewProject {
    NewProject {
        name: name.to_owned(),
        join_policy: Some(join),
        leave_policy: Some(leave),
        ..NewProject::default()
    }
}

/// Ada owns `shop`, Bob is a member of it, Eve is not.
async fn shop(join: JoinPolicy, leave: JoinPolicy) -> (Projects, tempfile::TempDir) {
    let (store, dir) = store_with(&[
        ("root", UserType::Admin),
        ("ada", UserType::Developer),
        ("bob", UserType::Developer),
        ("eve", UserType::Developer),
    ])
    .await;
    let projects = Projects { store };
    let ada = actor(&projects.store, "ada", P::ProjectCreate).await;
    projects
        .create(&ada, new("shop", join, leave))
        .await
        .unwrap();
    put(&projects.store, "shop", "bob", MemberRole::Member).await;
    (projects, dir)
}

#[tokio::test]
async fn a_member_makes_nobody_an_owner() {
    let (projects, _dir) = shop(JoinPolicy::Closed, JoinPolicy::Open).await;
    let store = &projects.store;
    let bob = actor(store, "bob", P::ProjectWrite).await;
    for user in ["bob", "eve"] {
        let refused = projects
            .put_member(&bob, &Terms::default(), "shop", user, MemberRole::Owner)
            .await;
        assert_eq!(code(refused.unwrap_err()), "project:write");
    }
    let refused = projects
        .remove_member(&bob, &Terms::default(), "shop", "ada")
        .await;
    assert_eq!(code(refused.unwrap_err()), "project:write");

    // Even with the right to change who is in, nobody gets what they have not.
    let project = store.project_by_name("shop").await.unwrap().unwrap();
    let eve = store.user_by_name("eve").await.unwrap().unwrap();
    let now = muster_store::now();
    let bound = store.write(move |tx| {
        Box::pin(async move {
            tx.access_role_put(&muster_store::AccessRoleRecord {
                name: "clerk".to_owned(),
                description: String::new(),
                permissions: vec![P::ProjectRead, P::ProjectWrite],
                created_at: now,
                updated_at: now,
            })
            .await?;
            tx.access_binding_insert(&AccessBindingRecord {
                id: muster_api::id::BindingId(Uuid::now_v7()),
                user: eve.id,
                role: "clerk".to_owned(),
                project: Some(project.id),
                created_at: now,
            })
            .await
        })
    });
    bound.await.unwrap();
    let eve = actor(store, "eve", P::ProjectWrite).await;
    for role in [MemberRole::Owner, MemberRole::Member, MemberRole::Viewer] {
        let refused = projects
            .put_member(&eve, &Terms::default(), "shop", "eve", role)
            .await;
        assert_eq!(code(refused.unwrap_err()), "app:read");
    }
    let refused = projects
        .remove_member(&eve, &Terms::default(), "shop", "ada")
        .await;
    assert_eq!(code(refused.unwrap_err()), "app:read");

    // An owner's narrow session neither.
    let narrow = limited(
        store,
        "ada",
        Some(P::ProjectWrite),
        Some(&[P::ProjectWrite]),
    )
    .await;
    let refused = projects
        .put_member(&narrow, &Terms::default(), "shop", "bob", MemberRole::Owner)
        .await;
    assert_eq!(code(refused.unwrap_err()), "app:read");
    let ada = actor(store, "ada", P::ProjectWrite).await;
    projects
        .put_member(&ada, &Terms::default(), "shop", "bob", MemberRole::Owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_app_is_moved_only_by_an_owner_of_where_it_is() {
    let (projects, _dir) = shop(JoinPolicy::Closed, JoinPolicy::Open).await;
    let store = &projects.store;
    let theirs = app(store, "shop", "till").await;
    let terms = Terms::default();

    let eve = actor(store, "eve", P::AppWrite).await;
    let refused = projects.move_app(&eve, &terms, "till", "eve").await;
    assert_eq!(code(refused.unwrap_err()), "no app");
    // Into a project of somebody else.
    let ada = actor(store, "ada", P::AppWrite).await;
    let refused = projects.move_app(&ada, &terms, "till", "eve").await;
    assert_eq!(code(refused.unwrap_err()), "no project");
    let bob = actor(store, "bob", P::AppWrite).await;
    // A member takes nothing away from the others.
    let refused = projects.move_app(&bob, &terms, "till", "bob").await;
    assert_eq!(code(refused.unwrap_err()), "project:write");
    // A key that may not see the environment cannot take it home.
    let scopes = [
        P::ProjectWrite,
        P::AppRead,
        P::AppWrite,
        P::AppDelete,
        P::RouteWrite,
        P::AppLogs,
        P::JobRead,
    ];
    let narrow = limited(store, "ada", Some(P::AppWrite), Some(&scopes)).await;
    let refused = projects.move_app(&narrow, &terms, "till", "ada").await;
    assert_eq!(code(refused.unwrap_err()), "app:env");

    // What a push of it has reserved counts where it is.
    let app = theirs.clone();
    let reserved = store.write_or_refuse(move |tx| {
        Box::pin(async move {
            let job = jobs::begin(tx, "push", &app, serde_json::Value::Null, "waiting").await?;
            let mut amounts = Amounts::default();
            amounts.add(Resource::Disk, 5);
            reserve(tx, &app, job.id, &amounts).await?;
            Ok::<_, ControlError>(())
        })
    });
    reserved.await.unwrap();
    let held = async |project: ProjectId| {
        let found = store.reservation_list(project, muster_store::now()).await;
        found.unwrap().len()
    };
    let plan = projects
        .move_app(&ada, &dry(), "till", "ada")
        .await
        .unwrap();
    assert!(!plan.done);
    assert_eq!(held(theirs.project).await, 1);
    assert_eq!(
        store.app_by_id(theirs.id).await.unwrap().unwrap().project,
        theirs.project
    );
    projects
        .move_app(&ada, &terms, "till", "ada")
        .await
        .unwrap();
    let home = store.project_by_name("ada").await.unwrap().unwrap().id;
    assert_eq!((held(theirs.project).await, held(home).await), (0, 1));
    let bob = actor(store, "bob", P::AppRead).await;
    assert_eq!(
        code(require_app(store, &bob, "till").await.unwrap_err()),
        "no app"
    );
}

#[tokio::test]
async fn a_suspended_project_rests_until_an_admin_lets_it_go_on() {
    let (projects, _dir) = shop(JoinPolicy::Open, JoinPolicy::Open).await;
    let store = &projects.store;
    app(store, "bob", "tool").await;
    let (ada, root) = (
        actor(store, "ada", P::ProjectWrite).await,
        actor(store, "root", P::ProjectWrite).await,
    );
    let terms = Terms::default();
    let refused = projects.suspend(&ada, &terms, "shop").await;
    assert_eq!(code(refused.unwrap_err()), "project:write");
    projects.suspend(&root, &terms, "shop").await.unwrap();
    let refused = projects.resume(&ada, &terms, "shop").await;
    assert_eq!(code(refused.unwrap_err()), "project:write");
    let eve = actor(store, "eve", None).await;
    assert!(projects.join(&eve, "shop").await.is_err());
    let bob = actor(store, "bob", P::AppWrite).await;
    let refused = projects.move_app(&bob, &terms, "tool", "shop").await;
    assert_eq!(code(refused.unwrap_err()), "project-suspended");
    projects.resume(&root, &terms, "shop").await.unwrap();
    projects
        .move_app(&bob, &terms, "tool", "shop")
        .await
        .unwrap();

    // It is deleted when it is empty, and not before.
    let refused = projects.delete(&ada, &terms, "shop").await;
    assert_eq!(code(refused.unwrap_err()), "project-not-empty");
    let plan = projects.terminate(&ada, &dry(), "shop").await.unwrap();
    assert_eq!(plan.changes, ["the app tool is stopped"]);
    assert_eq!(plan.removes, ["2 memberships"]);
    assert_eq!(
        store.app_by_name("tool").await.unwrap().unwrap().state,
        DesiredState::Started
    );
    projects.terminate(&ada, &terms, "shop").await.unwrap();
    assert_eq!(
        store.app_by_name("tool").await.unwrap().unwrap().state,
        DesiredState::Stopped
    );
    for name in ["ada", "bob"] {
        let asks = actor(store, name, P::AppWrite).await;
        assert_eq!(
            code(require_app(store, &asks, "tool").await.unwrap_err()),
            "no app"
        );
    }
    let refused = projects.resume(&root, &terms, "shop").await;
    assert_eq!(code(refused.unwrap_err()), "project-terminated");
}

#[tokio::test]
async fn names_are_taken_once_and_owners_named_by_admins() {
    let (projects, _dir) = shop(JoinPolicy::Closed, JoinPolicy::Open).await;
    let store = &projects.store;
    let eve = actor(store, "eve", P::ProjectCreate).await;
    for name in ["shop", "ada"] {
        let taken = projects
            .create(&eve, new(name, JoinPolicy::Open, JoinPolicy::Open))
            .await;
        assert!(matches!(
            taken,
            Err(ControlError::Store(StoreError::Conflict { .. }))
        ));
    }
    let for_ada = NewProject {
        owner: Some("ada".to_owned()),
        ..new("gift", JoinPolicy::Open, JoinPolicy::Open)
    };
    let refused = projects.create(&eve, for_ada.clone()).await;
    assert_eq!(code(refused.unwrap_err()), "project:write");
    let root = actor(store, "root", P::ProjectCreate).await;
    let (_, made) = projects.create(&root, for_ada).await.unwrap();
    assert_eq!(made.role, None);
    let shown = projects
        .show(&actor(store, "ada", None).await, "gift")
        .await
        .unwrap()
        .1;
    assert_eq!(shown.role, Some(MemberRole::Owner));
}
