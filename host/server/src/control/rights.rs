//! Rights: what somebody may do, everywhere and in single projects.

use std::collections::BTreeMap;

use muster_api::{
    id::ProjectId,
    permissions::{Permission, PermissionSet, Reach, bundle},
    projects::{MemberRole, ProjectState},
    users::UserType,
};
use muster_store::{Reader, StoreError, UserRecord};

/// What somebody may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    everywhere: PermissionSet,
    projects: BTreeMap<ProjectId, PermissionSet>,
}

impl Rights {
    /// Everything: what the host itself may do.
    pub(crate) fn all() -> Self {
        Self {
            everywhere: PermissionSet::all(),
            projects: BTreeMap::new(),
        }
    }

    /// One thing, everywhere.
    pub(crate) fn only(permission: Permission) -> Self {
        Self {
            everywhere: [permission].into_iter().collect(),
            projects: BTreeMap::new(),
        }
    }

    /// What an owner may do in one project, and nothing else.
    pub(crate) fn in_project(project: ProjectId) -> Self {
        Self {
            everywhere: PermissionSet::default(),
            projects: BTreeMap::from([(project, built_in("project-owner"))]),
        }
    }

    /// What goes with a type of user.
    pub(crate) fn of_type(kind: UserType) -> Self {
        Self {
            everywhere: built_in(kind.word()),
            projects: BTreeMap::new(),
        }
    }

    /// What a user may do: what goes with their type, what they are in
    /// projects, and what access roles they have. With `scopes`, only what is
    /// among these.
    pub(crate) async fn of_user(
        db: &Reader,
        user: &UserRecord,
        scopes: Option<&[Permission]>,
    ) -> Result<Self, StoreError> {
        let mut rights = Self {
            everywhere: built_in(user.kind.word()),
            projects: BTreeMap::new(),
        };
        for member in db.membership_list(user.id).await? {
            let terminated = db
                .project_get(member.project)
                .await?
                .is_none_or(|project| project.state == ProjectState::Terminated);
            if member.state.is_in() && !terminated {
                rights.add(Some(member.project), of_member(user.kind, member.role));
            }
        }
        for binding in db.access_binding_list(Some(user.id)).await? {
            let set = match bundle(&binding.role) {
                Some(bundle) => bundle.set(),
                None => db
                    .access_role_get(&binding.role)
                    .await?
                    .map(|role| role.permissions.into_iter().collect())
                    .unwrap_or_default(),
            };
            rights.add(binding.project, set);
        }
        if let Some(scopes) = scopes {
            rights.limit(scopes.iter().copied().collect());
        }
        Ok(rights)
    }

    /// In a project, what does not reach single projects counts for nothing:
    /// else it would count everywhere.
    fn add(&mut self, project: Option<ProjectId>, set: PermissionSet) {
        match project {
            Some(project) => {
                let place = self.projects.entry(project).or_default();
                *place = place.with(reaching_projects(set));
            }
            None => self.everywhere = self.everywhere.with(set),
        }
    }

    /// The first permission of a set that they do not have themselves, in a
    /// project or everywhere.
    pub(crate) fn lacking(
        &self,
        set: PermissionSet,
        project: Option<ProjectId>,
    ) -> Option<Permission> {
        set.iter().find(|permission| match project {
            Some(project) => !self.within(project, *permission),
            None => !self.everywhere(*permission),
        })
    }

    /// Leaves only what is among these.
    pub(crate) fn limit(&mut self, to: PermissionSet) {
        self.everywhere = self.everywhere.within(to);
        for set in self.projects.values_mut() {
            *set = set.within(to);
        }
    }

    /// Whether they have a permission everywhere.
    pub(crate) fn everywhere(&self, permission: Permission) -> bool {
        self.everywhere.has(permission)
    }

    /// Whether they have a permission everywhere or in some project.
    pub(crate) fn anywhere(&self, permission: Permission) -> bool {
        self.everywhere(permission) || self.projects.values().any(|set| set.has(permission))
    }

    /// Whether they have a permission in a project.
    pub(crate) fn within(&self, project: ProjectId, permission: Permission) -> bool {
        self.everywhere(permission)
            || self
                .projects
                .get(&project)
                .is_some_and(|set| set.has(permission))
    }

    /// Whether they may know of a project and what is in it.
    pub(crate) fn sees(&self, project: ProjectId) -> bool {
        self.within(project, Permission::ProjectRead) || self.within(project, Permission::AppRead)
    }

    /// The projects in which they have a permission; nothing if everywhere.
    pub(crate) fn among(&self, permission: Permission) -> Option<Vec<ProjectId>> {
        if self.everywhere(permission) {
            return None;
        }
        let has =
            |(project, set): (&ProjectId, &PermissionSet)| set.has(permission).then_some(*project);
        Some(self.projects.iter().filter_map(has).collect())
    }

    /// All that they have everywhere.
    pub(crate) fn global(&self) -> PermissionSet {
        self.everywhere
    }

    /// All that they have in single projects.
    pub(crate) fn projects(&self) -> &BTreeMap<ProjectId, PermissionSet> {
        &self.projects
    }

    /// Whether everything that `other` may do everywhere, these may do too.
    pub(crate) fn covers_everywhere(&self, other: &Self) -> bool {
        other.everywhere.is_within(self.everywhere)
    }

    /// Whether everything that `other` may do, these may do too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.everywhere.is_within(self.everywhere)
            && other.projects.iter().all(|(project, set)| {
                let own = self.projects.get(project).copied().unwrap_or_default();
                set.is_within(own.with(self.everywhere))
            })
    }
}

/// What of a set can be had for single projects.
pub(crate) fn reaching_projects(set: PermissionSet) -> PermissionSet {
    set.iter()
        .filter(|permission| permission.scope() == Reach::Project)
        .collect()
}

fn built_in(name: &str) -> PermissionSet {
    bundle(name).map(|bundle| bundle.set()).unwrap_or_default()
}

/// A user of type viewer reads, whatever they are in a project.
fn of_member(kind: UserType, role: MemberRole) -> PermissionSet {
    let set = built_in(match role {
        MemberRole::Owner => "project-owner",
        MemberRole::Member => "project-member",
        MemberRole::Viewer => "project-viewer",
    });
    if kind == UserType::Viewer {
        set.within(built_in("project-viewer"))
    } else {
        set
    }
}

#[cfg(test)]
mod tests {
    use muster_api::permissions::Permission as P;
    use uuid::Uuid;

    use super::*;

    fn project(number: u128) -> ProjectId {
        ProjectId(Uuid::from_u128(number))
    }

    #[test]
    fn rights_in_one_project_end_at_its_border() {
        let rights = Rights::in_project(project(1));
        assert!(rights.within(project(1), P::AppDelete) && rights.sees(project(1)));
        assert!(!rights.within(project(2), P::AppRead) && !rights.sees(project(2)));
        assert!(rights.anywhere(P::AppRead) && !rights.everywhere(P::AppRead));
        assert_eq!(rights.among(P::AppRead), Some(vec![project(1)]));
        assert_eq!(rights.among(P::UserRead), Some(vec![]));
        assert_eq!(Rights::all().among(P::AppRead), None);
    }

    #[test]
    fn scopes_only_take_away() {
        let mut rights = Rights::in_project(project(1));
        rights.limit([P::AppRead, P::UserWrite].into_iter().collect());
        assert!(rights.within(project(1), P::AppRead));
        assert!(!rights.within(project(1), P::AppWrite) && !rights.anywhere(P::UserWrite));
        assert!(Rights::in_project(project(1)).covers(&rights));
        assert!(!rights.covers(&Rights::in_project(project(1))));
        assert!(Rights::all().covers(&Rights::in_project(project(9))));
    }

    #[test]
    fn an_owner_who_is_a_viewer_reads_only() {
        let set = of_member(UserType::Viewer, MemberRole::Owner);
        assert!(set.has(P::AppRead) && !set.has(P::AppWrite));
    }
}
