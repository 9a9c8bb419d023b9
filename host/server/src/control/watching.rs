//! Who may know of a change: whoever may see what changed.

use muster_api::permissions::Permission;
use muster_store::{ChangeRecord, Store, StoreError};

use super::{record::Actor, rights::Rights};

/// Whether somebody is told of a change. Of their own account they always are.
pub(crate) fn may_see(actor: &Actor, rights: &Rights, change: &ChangeRecord) -> bool {
    let own = change.resource == "user"
        && actor
            .user
            .is_some_and(|user| user.to_string() == change.resource_id);
    // Everybody may read the terms of use.
    let public = change.resource == "term" && rights.anywhere(Permission::EventRead);
    let needed = [reading(&change.resource), Permission::EventRead];
    own || public
        || needed.into_iter().all(|permission| match change.project {
            Some(project) => rights.within(project, permission),
            None => rights.everywhere(permission),
        })
}

/// What somebody may do now, who began to watch a while ago. Nothing if they
/// were let out meanwhile.
pub(crate) async fn rights_of(store: &Store, actor: &Actor) -> Result<Rights, StoreError> {
    let Some(id) = actor.user else {
        return Ok(actor.rights.as_ref().clone());
    };
    let user = store.user_by_id(id).await?;
    let Some(user) = user.filter(|user| user.state == muster_api::users::UserState::Active) else {
        return Ok(Rights::default());
    };
    if let Some(session) = actor.session
        && store.session_get(session).await?.is_none()
    {
        return Ok(Rights::default());
    }
    if let Some(key) = &actor.key {
        let key = store.access_key_get(key).await?;
        if key.is_none_or(|key| key.revoked_at.is_some()) {
            return Ok(Rights::default());
        }
    }
    let scopes: Option<Vec<_>> = actor.scopes.map(|scopes| scopes.iter().collect());
    Rights::of_user(store, &user, scopes.as_deref()).await
}

/// The permission by which one sees things of a kind. Of what is not named here,
/// the audit log tells.
fn reading(resource: &str) -> Permission {
    match resource {
        "app" | "droplet" | "route" => Permission::AppRead,
        "job" => Permission::JobRead,
        "project" => Permission::ProjectRead,
        "quota" => Permission::QuotaRead,
        "role" => Permission::RoleRead,
        "user" | "session" => Permission::UserRead,
        "key" => Permission::KeyRead,
        "access-role" | "access-binding" => Permission::AccessRead,
        "config" | "logging" | "signing-key" => Permission::ConfigRead,
        "bundle" => Permission::BundleRead,
        "host" | "link" | "link-token" => Permission::LinkRead,
        _ => Permission::AuditRead,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_api::id::{ProjectId, UserId};
    use muster_store::ChangeKind;
    use uuid::Uuid;

    use super::*;

    fn change(resource: &str, project: Option<u128>) -> ChangeRecord {
        ChangeRecord {
            revision: 1,
            resource: resource.to_owned(),
            resource_id: Uuid::nil().to_string(),
            kind: ChangeKind::Updated,
            at: muster_store::now(),
            project: project.map(|project| ProjectId(Uuid::from_u128(project))),
        }
    }

    #[test]
    fn rights_in_one_project_tell_of_that_alone() {
        let actor = Actor::host("ada");
        let rights = Rights::in_project(ProjectId(Uuid::from_u128(1)));
        let sees = |change| may_see(&actor, &rights, &change);
        for resource in ["app", "job", "route", "project", "quota"] {
            assert!(sees(change(resource, Some(1))), "{resource}");
            assert!(!sees(change(resource, Some(2))), "{resource}");
            assert!(!sees(change(resource, None)), "{resource}");
        }
        for resource in ["user", "config", "key", "session", "unheard-of"] {
            assert!(!sees(change(resource, None)), "{resource}");
        }
    }

    #[test]
    fn what_may_be_read_everywhere_is_told_and_nothing_else() {
        let actor = Actor::host("ada");
        let mut rights = Rights::all();
        rights.limit(
            [Permission::EventRead, Permission::AppRead]
                .into_iter()
                .collect(),
        );
        assert!(may_see(&actor, &rights, &change("app", Some(7))));
        assert!(!may_see(&actor, &rights, &change("job", Some(7))));
        assert!(!may_see(&actor, &rights, &change("user", None)));
        let mut links = Rights::all();
        links.limit(
            [Permission::EventRead, Permission::LinkRead]
                .into_iter()
                .collect(),
        );
        for resource in ["host", "link", "link-token"] {
            assert!(
                may_see(&actor, &links, &change(resource, None)),
                "{resource}"
            );
            assert!(
                !may_see(&actor, &rights, &change(resource, None)),
                "{resource}"
            );
        }
        rights.limit([Permission::AppRead].into_iter().collect());
        assert!(!may_see(&actor, &rights, &change("app", Some(7))));
    }

    #[test]
    fn everybody_hears_of_themselves() {
        let actor = Actor {
            user: Some(UserId(Uuid::nil())),
            rights: Arc::default(),
            ..Actor::host("ada")
        };
        assert!(may_see(&actor, &Rights::default(), &change("user", None)));
    }
}
