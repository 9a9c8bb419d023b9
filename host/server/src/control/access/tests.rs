use muster_api::{permissions::Permission as P, users::UserType};

use super::*;
use crate::control::testing::{actor, limited, store_with};

fn new_role(name: &str, permissions: &[P]) -> NewAccessRole {
    NewAccessRole {
        name: name.to_owned(),
        description: String::new(),
        permissions: permissions.to_vec(),
    }
}

fn binding(user: &str, role: &str, project: Option<&str>) -> NewAccessBinding {
    NewAccessBinding {
        user: user.to_owned(),
        role: role.to_owned(),
        project: project.map(str::to_owned),
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

async fn access() -> (AccessControl, tempfile::TempDir) {
    let (store, dir) = store_with(&[
        ("root", UserType::Admin),
        ("ada", UserType::Developer),
        ("bob", UserType::Developer),
    ])
    .await;
    (AccessControl { store }, dir)
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_have() {
    let (access, _dir) = access().await;
    let store = &access.store;
    let root = actor(store, "root", P::AccessWrite).await;
    let role = new_role("keeper", &[P::AccessRead, P::AccessWrite, P::UserRead]);
    access.create_role(&root, role).await.unwrap();
    access
        .bind(&root, binding("ada", "keeper", None))
        .await
        .unwrap();

    // Ada keeps access roles, and is no admin: she makes nobody one.
    let ada = actor(store, "ada", P::AccessWrite).await;
    for role in ["admin", "operator"] {
        for user in ["ada", "bob"] {
            assert!(access.bind(&ada, binding(user, role, None)).await.is_err());
        }
    }
    let refused = access
        .bind(&ada, binding("ada", "project-owner", Some("bob")))
        .await;
    assert_eq!(code(refused.unwrap_err()), "app:read");
    let refused = access
        .create_role(&ada, new_role("more", &[P::UserRead, P::KeyWrite]))
        .await;
    assert_eq!(code(refused.unwrap_err()), "key:write");
    let wider = AccessRoleChange {
        permissions: Some(vec![P::AccessRead, P::AccessWrite, P::ConfigWrite]),
        ..AccessRoleChange::default()
    };
    let refused = access
        .change_role(&ada, &Terms::default(), "keeper", wider)
        .await;
    assert_eq!(code(refused.unwrap_err()), "config:write");
    // What she has she may pass on.
    access
        .bind(&ada, binding("bob", "keeper", None))
        .await
        .unwrap();

    // An admin's narrow session is no admin.
    let narrow = limited(store, "root", Some(P::AccessWrite), Some(&[P::AccessWrite])).await;
    let refused = access.bind(&narrow, binding("bob", "admin", None)).await;
    assert_eq!(code(refused.unwrap_err()), "app:read");
}

#[tokio::test]
async fn what_is_had_in_a_project_reaches_no_further() {
    let (access, _dir) = access().await;
    let store = &access.store;
    let root = actor(store, "root", P::AccessWrite).await;
    access
        .bind(&root, binding("ada", "operator", Some("bob")))
        .await
        .unwrap();
    let ada = actor(store, "ada", None).await;
    let bobs = store.project_by_name("bob").await.unwrap().unwrap().id;
    assert!(ada.rights.within(bobs, P::AppWrite));
    // Global permissions of the role must not leak through its project.
    for permission in [P::RoleWrite, P::AuditRead, P::UserRead] {
        assert!(!ada.rights.anywhere(permission), "{permission}");
    }
    access
        .create_role(&root, new_role("global", &[P::AuditRead]))
        .await
        .unwrap();
    let refused = access
        .bind(&root, binding("ada", "global", Some("bob")))
        .await;
    assert_eq!(code(refused.unwrap_err()), "project");
}

#[tokio::test]
async fn roles_from_the_beginning_and_roles_in_use_stay() {
    let (access, _dir) = access().await;
    let store = &access.store;
    let root = actor(store, "root", P::AccessWrite).await;
    let terms = Terms::default();
    let refused = access
        .create_role(&root, new_role("admin", &[P::AppRead]))
        .await;
    assert!(matches!(
        refused,
        Err(ControlError::Store(StoreError::Conflict { .. }))
    ));
    let refused = access.delete_role(&root, &terms, "developer").await;
    assert_eq!(code(refused.unwrap_err()), "access-role-builtin");
    access
        .create_role(&root, new_role("auditor", &[P::AuditRead]))
        .await
        .unwrap();
    let bound = access
        .bind(&root, binding("ada", "auditor", None))
        .await
        .unwrap();
    let twice = access.bind(&root, binding("ada", "auditor", None)).await;
    assert!(matches!(
        twice,
        Err(ControlError::Store(StoreError::Conflict { .. }))
    ));
    assert!(
        actor(store, "ada", None)
            .await
            .rights
            .everywhere(P::AuditRead)
    );
    let refused = access.delete_role(&root, &terms, "auditor").await;
    assert_eq!(code(refused.unwrap_err()), "access-role-in-use");

    // A change of the role counts at once.
    let change = AccessRoleChange {
        permissions: Some(vec![P::ConfigRead]),
        ..AccessRoleChange::default()
    };
    access
        .change_role(&root, &terms, "auditor", change)
        .await
        .unwrap();
    let ada = actor(store, "ada", None).await;
    assert!(!ada.rights.everywhere(P::AuditRead) && ada.rights.everywhere(P::ConfigRead));

    let dry = Terms {
        dry_run: true,
        ..Terms::default()
    };
    assert!(!access.unbind(&root, &dry, bound.0.id).await.unwrap().done);
    assert!(access.unbind(&root, &terms, bound.0.id).await.unwrap().done);
    assert!(
        !actor(store, "ada", None)
            .await
            .rights
            .everywhere(P::ConfigRead)
    );
    assert!(
        access
            .delete_role(&root, &terms, "auditor")
            .await
            .unwrap()
            .done
    );
    assert_eq!(access.roles().await.unwrap().items.len(), BUNDLES.len());
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let (store, _dir) =
        store_with(&[("ada", UserType::Developer), ("bob", UserType::Developer)]).await;
    let access = AccessControl { store };
    let host = Actor::host("host");
    let first = access
        .bind(&host, binding("ada", "admin", None))
        .await
        .unwrap();
    let terms = Terms::default();
    let refused = access.unbind(&host, &terms, first.0.id).await;
    assert_eq!(code(refused.unwrap_err()), "last-admin");
    access
        .bind(&host, binding("bob", "admin", None))
        .await
        .unwrap();
    access.unbind(&host, &terms, first.0.id).await.unwrap();
}
