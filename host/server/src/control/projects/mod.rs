//! Projects: to whom apps belong, and who works on them.

mod ends;
mod members;
mod moves;
mod passing;

use muster_api::{
    id::{ProjectId, UserId},
    name,
    page::{Page, PageQuery},
    permissions::Permission,
    plan::Plan,
    projects::{
        JoinPolicy, MemberRole, MemberState, NewProject, Project, ProjectChange, ProjectState,
    },
};
use muster_store::{ChangeKind, MemberRecord, ProjectRecord, Reader, Store, StoreError, Tx};
use uuid::Uuid;

use super::{
    error::ControlError,
    record::{Actor, Change, record, value},
    terms::Terms,
    views::page_limit,
};

/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 1000;

/// The projects of this Muster.
#[derive(Clone)]
pub(crate) struct Projects {
    pub(crate) store: Store,
}

/// The project of that name, for somebody who may do with it what they ask for.
pub(crate) async fn require_project(
    db: &Reader,
    actor: &Actor,
    name: &str,
) -> Result<ProjectRecord, ControlError> {
    let project = find(db, name).await?;
    actor.require(project.id, "project", name)?;
    Ok(project)
}

/// Refuses to add or start anything in a project that is not active.
pub(crate) async fn require_active(db: &Reader, id: ProjectId) -> Result<(), ControlError> {
    let project = db.project_get(id).await?;
    let Some(project) = project.filter(|project| project.state != ProjectState::Active) else {
        return Ok(());
    };
    Err(inactive(&project))
}

fn inactive(project: &ProjectRecord) -> ControlError {
    let (code, is) = match project.state {
        ProjectState::Terminated => ("project-terminated", "terminated"),
        _ => ("project-suspended", "suspended"),
    };
    ControlError::Conflict {
        code,
        message: format!(
            "the project '{}' is {is}: nothing may be added or started in it",
            project.name
        ),
        remedy: "ask an admin, or choose another project; see: muster project list".to_owned(),
    }
}

async fn find(db: &Reader, name: &str) -> Result<ProjectRecord, ControlError> {
    let found = match name.parse::<ProjectId>() {
        Ok(id) => db.project_get(id).await?,
        Err(_) => db.project_by_name(name).await?,
    };
    found.ok_or_else(|| ControlError::not_found("project", name))
}

impl Projects {
    /// One page of projects, by name: those that may be seen, and those that
    /// anybody may join.
    pub(crate) async fn list(
        &self,
        actor: &Actor,
        query: &PageQuery,
    ) -> Result<Page<Project>, ControlError> {
        let among = actor.rights.among(Permission::ProjectRead);
        let limit = page_limit(query)?;
        let found = self
            .store
            .project_list(among.as_deref(), query.cursor.as_deref(), limit)
            .await?;
        let mine = memberships(&self.store, actor).await?;
        let view = |project| view(project, &mine);
        Ok(Page {
            items: found.items.into_iter().map(view).collect(),
            next: found.next,
        })
    }

    /// One project that may be seen or joined.
    pub(crate) async fn show(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<(ProjectRecord, Project), ControlError> {
        let project = visible(&self.store, actor, name).await?;
        let mine = memberships(&self.store, actor).await?;
        Ok((project.clone(), view(project, &mine)))
    }

    /// Makes a project. Whoever makes it owns it.
    pub(crate) async fn create(
        &self,
        actor: &Actor,
        new: NewProject,
    ) -> Result<(ProjectRecord, Project), ControlError> {
        name::check(&new.name).map_err(|why| ControlError::invalid("name", why))?;
        check_description(&new.description)?;
        let now = muster_store::now();
        let project = ProjectRecord {
            id: ProjectId(Uuid::now_v7()),
            name: new.name,
            description: new.description,
            state: ProjectState::Active,
            join_policy: new.join_policy.unwrap_or(JoinPolicy::Closed),
            leave_policy: new.leave_policy.unwrap_or(JoinPolicy::Open),
            personal: false,
            created_at: now,
            updated_at: now,
        };
        let (actor, kept) = (actor.clone(), project.clone());
        let mine = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let owner = owner(tx, &actor, new.owner.as_deref()).await?;
                    tx.project_insert(&kept).await?;
                    tx.member_put(&MemberRecord {
                        project: kept.id,
                        user: owner,
                        role: MemberRole::Owner,
                        state: MemberState::Member,
                        created_at: now,
                    })
                    .await?;
                    changed(tx, &actor, None, &kept, "create").await?;
                    Ok::<_, ControlError>(memberships(tx, &actor).await?)
                })
            })
            .await?;
        Ok((project.clone(), view(project, &mine)))
    }

    /// Changes what a project is called for, and who may join and leave.
    pub(crate) async fn change(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        change: ProjectChange,
    ) -> Result<(ProjectRecord, Project), ControlError> {
        if change == ProjectChange::default() {
            return Err(ControlError::invalid(
                "description",
                "nothing to change: name a description or a policy",
            ));
        }
        if let Some(description) = &change.description {
            check_description(description)?;
        }
        let (actor, name, terms) = (actor.clone(), name.to_owned(), terms.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let before = require_project(tx, &actor, &name).await?;
                    terms.check(Some(&before))?;
                    if before.personal
                        && (change.join_policy.is_some() || change.leave_policy.is_some())
                    {
                        return Err(personal(&before));
                    }
                    let mut project = before.clone();
                    project.description = change.description.unwrap_or(project.description);
                    project.join_policy = change.join_policy.unwrap_or(project.join_policy);
                    project.leave_policy = change.leave_policy.unwrap_or(project.leave_policy);
                    project.updated_at = muster_store::now();
                    tx.project_update(&project).await?;
                    changed(tx, &actor, Some(&before), &project, "modify").await?;
                    let mine = memberships(tx, &actor).await?;
                    Ok((project.clone(), view(project, &mine)))
                })
            })
            .await
    }

    /// Deletes a project in which nothing is left.
    pub(crate) async fn delete(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        let (actor, name, owned) = (actor.clone(), name.to_owned(), terms.clone());
        let removes = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let project = require_project(tx, &actor, &name).await?;
                    owned.check(Some(&project))?;
                    if project.personal {
                        return Err(personal(&project));
                    }
                    let among = [project.id];
                    let app = tx.app_list(Some(&among), None, 1).await?.items.pop();
                    let route = tx.route_list(Some(&among), None, 1).await?.items.pop();
                    let left = app
                        .map(|app| format!("the app {}", app.name))
                        .or(route.map(|route| format!("the route {}{}", route.host, route.path)));
                    if let Some(left) = left {
                        return Err(ControlError::Conflict {
                            code: "project-not-empty",
                            message: format!("the project '{name}' still has {left}"),
                            remedy: "delete or move its apps first; see: muster app list"
                                .to_owned(),
                        });
                    }
                    let members = tx.member_list(project.id).await?.len();
                    tx.project_delete(project.id).await?;
                    record(
                        tx,
                        &actor,
                        change_of(&project, "delete", ChangeKind::Deleted),
                    )
                    .await?;
                    Ok(vec![
                        format!("the project {}", project.name),
                        super::views::counted(members, "membership"),
                    ])
                })
            })
            .await?;
        Ok(Plan {
            removes,
            changes: Vec::new(),
            done: !terms.dry_run,
        })
    }
}

/// Who is to own a new project.
async fn owner(tx: &Tx, actor: &Actor, named: Option<&str>) -> Result<UserId, ControlError> {
    let Some(name) = named else {
        let nobody = || ControlError::invalid("owner", "who is no user must name an owner");
        return actor.user.ok_or_else(nobody);
    };
    let permission = Permission::ProjectWrite;
    let themselves = name == actor.name && actor.user.is_some();
    if !themselves && !actor.rights.everywhere(permission) {
        return Err(ControlError::Forbidden { permission });
    }
    let user = tx.user_by_name(name).await?;
    user.map(|user| user.id)
        .ok_or_else(|| ControlError::invalid("owner", format!("there is no user '{name}'")))
}

/// Whether anybody who is signed in may know of a project.
fn joinable(project: &ProjectRecord) -> bool {
    project.join_policy != JoinPolicy::Closed
        && project.state == ProjectState::Active
        && !project.personal
}

/// The project of that name, if it may be seen or joined.
async fn visible(db: &Reader, actor: &Actor, name: &str) -> Result<ProjectRecord, ControlError> {
    let project = find(db, name).await?;
    let seen = actor.rights.within(project.id, Permission::ProjectRead) || joinable(&project);
    if seen {
        Ok(project)
    } else {
        Err(ControlError::not_found("project", name))
    }
}

async fn memberships(db: &Reader, actor: &Actor) -> Result<Vec<MemberRecord>, StoreError> {
    match actor.user {
        Some(user) => db.membership_list(user).await,
        None => Ok(Vec::new()),
    }
}

fn check_description(text: &str) -> Result<(), ControlError> {
    if text.chars().count() > MAX_DESCRIPTION {
        let message = format!("{MAX_DESCRIPTION} characters at most");
        return Err(ControlError::invalid("description", message));
    }
    Ok(())
}

fn personal(project: &ProjectRecord) -> ControlError {
    ControlError::Conflict {
        code: "project-is-personal",
        message: format!("'{}' is a user's own project", project.name),
        remedy: "make a project to share with: muster project create NAME".to_owned(),
    }
}

fn view(project: ProjectRecord, mine: &[MemberRecord]) -> Project {
    let member = mine.iter().find(|member| member.project == project.id);
    Project {
        id: project.id,
        name: project.name,
        description: project.description,
        state: project.state,
        join_policy: project.join_policy,
        leave_policy: project.leave_policy,
        personal: project.personal,
        role: member.map(|member| member.role),
        membership: member.map(|member| member.state),
        created_at: project.created_at,
        updated_at: project.updated_at,
    }
}

fn change_of<'a>(project: &'a ProjectRecord, verb: &'static str, kind: ChangeKind) -> Change<'a> {
    Change {
        resource: "project",
        project: Some(project.id),
        id: project.id.to_string(),
        name: &project.name,
        verb,
        kind,
        before: None,
        after: (kind != ChangeKind::Deleted)
            .then(|| value(&view(project.clone(), &[])))
            .flatten(),
    }
}

async fn changed(
    tx: &Tx,
    actor: &Actor,
    before: Option<&ProjectRecord>,
    after: &ProjectRecord,
    verb: &'static str,
) -> Result<(), ControlError> {
    let kind = match before {
        Some(_) => ChangeKind::Updated,
        None => ChangeKind::Created,
    };
    let mut change = change_of(after, verb, kind);
    change.before = before.and_then(|before| value(&view(before.clone(), &[])));
    Ok(record(tx, actor, change).await?)
}

#[cfg(test)]
mod tests;
