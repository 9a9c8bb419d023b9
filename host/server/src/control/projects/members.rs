//! Who is in a project: joining and leaving by oneself, being let in and taken
//! out by an owner.

use muster_api::{
    page::Page,
    permissions::bundle,
    plan::Plan,
    projects::{JoinPolicy, Member, MemberRole, MemberState, Project, ProjectState},
};
use muster_store::{ChangeKind, MemberRecord, ProjectRecord, Reader, Tx, UserRecord};
use serde_json::json;

use super::{Projects, inactive, memberships, personal, require_project, view, visible};
use crate::control::{
    error::ControlError,
    record::{Actor, Change, record},
    terms::Terms,
};

impl Projects {
    /// Everybody in a project, oldest first.
    pub(crate) async fn members(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<Page<Member>, ControlError> {
        let project = require_project(&self.store, actor, name).await?;
        let mut items = Vec::new();
        for member in self.store.member_list(project.id).await? {
            if let Some(user) = self.store.user_by_id(member.user).await? {
                items.push(shown(&member, user));
            }
        }
        Ok(Page { items, next: None })
    }

    /// Joins a project, or asks to be let in.
    pub(crate) async fn join(&self, actor: &Actor, name: &str) -> Result<Project, ControlError> {
        let (actor, name) = (actor.clone(), name.to_owned());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let project = visible(tx, &actor, &name).await?;
                    let user = this_user(tx, &actor).await?;
                    if project.state != ProjectState::Active {
                        return Err(inactive(&project));
                    }
                    if membership(tx, &project, &user).await?.is_some() {
                        return Err(ControlError::Conflict {
                            code: "member-already",
                            message: format!("you are in '{name}' already, or asked to be"),
                            remedy: format!("see how with: muster project show {name}"),
                        });
                    }
                    let state = match project.join_policy {
                        _ if project.personal => return Err(personal(&project)),
                        JoinPolicy::Open => MemberState::Member,
                        JoinPolicy::Moderated => MemberState::Joining,
                        JoinPolicy::Closed => return Err(closed(&project, "add you")),
                    };
                    let member = MemberRecord {
                        project: project.id,
                        user: user.id,
                        role: MemberRole::Member,
                        state,
                        created_at: muster_store::now(),
                    };
                    put(tx, &actor, &project, &user, &member, "join").await?;
                    Ok(view(project, &memberships(tx, &actor).await?))
                })
            })
            .await
    }

    /// Leaves a project, or asks to be let out; or takes back that one asked to
    /// be let in.
    pub(crate) async fn leave(&self, actor: &Actor, name: &str) -> Result<Project, ControlError> {
        let (actor, name) = (actor.clone(), name.to_owned());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let user = this_user(tx, &actor).await?;
                    let project = super::find(tx, &name).await?;
                    let found = membership(tx, &project, &user).await?;
                    let mut member =
                        found.ok_or_else(|| ControlError::not_found("project", &name))?;
                    match (member.state, project.leave_policy) {
                        _ if project.personal => return Err(personal(&project)),
                        (MemberState::Joining, _) | (_, JoinPolicy::Open) => {
                            take_out(tx, &actor, &project, &user, &member, "leave").await?;
                        }
                        (_, JoinPolicy::Moderated) => {
                            keep_an_owner(tx, &project, &member).await?;
                            member.state = MemberState::Leaving;
                            put(tx, &actor, &project, &user, &member, "leave").await?;
                        }
                        (_, JoinPolicy::Closed) => return Err(closed(&project, "take you out")),
                    }
                    Ok(view(project, &memberships(tx, &actor).await?))
                })
            })
            .await
    }

    /// Puts somebody into a project, or changes as what they are in it.
    pub(crate) async fn put_member(
        &self,
        actor: &Actor,
        name: &str,
        user: &str,
        role: MemberRole,
    ) -> Result<Member, ControlError> {
        let (actor, name, user) = (actor.clone(), name.to_owned(), user.to_owned());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let (project, user) = both(tx, &actor, &name, &user).await?;
                    if project.personal {
                        return Err(personal(&project));
                    }
                    if project.state == ProjectState::Terminated {
                        return Err(inactive(&project));
                    }
                    grants(&actor, &project, role)?;
                    let found = membership(tx, &project, &user).await?;
                    if let Some(before) = &found {
                        grants(&actor, &project, before.role)?;
                        if role != MemberRole::Owner {
                            keep_an_owner(tx, &project, before).await?;
                        }
                    }
                    let member = MemberRecord {
                        project: project.id,
                        user: user.id,
                        role,
                        state: MemberState::Member,
                        created_at: found
                            .map_or_else(muster_store::now, |before| before.created_at),
                    };
                    put(tx, &actor, &project, &user, &member, "put-member").await?;
                    Ok(shown(&member, user))
                })
            })
            .await
    }

    /// Takes somebody out of a project.
    pub(crate) async fn remove_member(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        user: &str,
    ) -> Result<Plan, ControlError> {
        let (actor, name, user) = (actor.clone(), name.to_owned(), user.to_owned());
        let removes = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let (project, user) = both(tx, &actor, &name, &user).await?;
                    if project.personal {
                        return Err(personal(&project));
                    }
                    let member = require_member(tx, &project, &user).await?;
                    grants(&actor, &project, member.role)?;
                    take_out(tx, &actor, &project, &user, &member, "remove-member").await?;
                    Ok::<_, ControlError>(vec![format!(
                        "{} from the project {}",
                        user.name, project.name
                    )])
                })
            })
            .await?;
        Ok(Plan {
            removes,
            changes: Vec::new(),
            done: !terms.dry_run,
        })
    }

    /// Grants or refuses what somebody asked for: to be let in, or out.
    pub(crate) async fn decide(
        &self,
        actor: &Actor,
        name: &str,
        user: &str,
        granted: bool,
    ) -> Result<Page<Member>, ControlError> {
        let (asks, project, user) = (actor.clone(), name.to_owned(), user.to_owned());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let (project, user) = both(tx, &asks, &project, &user).await?;
                    let mut member = require_member(tx, &project, &user).await?;
                    grants(&asks, &project, member.role)?;
                    let verb = if granted { "accept" } else { "refuse" };
                    match (member.state, granted) {
                        (MemberState::Member, _) => Err(ControlError::Conflict {
                            code: "nothing-asked",
                            message: format!("'{}' has asked for nothing", user.name),
                            remedy: format!("see who has: muster project members {}", project.name),
                        }),
                        (MemberState::Joining, true) | (MemberState::Leaving, false) => {
                            member.state = MemberState::Member;
                            put(tx, &asks, &project, &user, &member, verb).await
                        }
                        (MemberState::Joining, false) | (MemberState::Leaving, true) => {
                            take_out(tx, &asks, &project, &user, &member, verb).await
                        }
                    }
                })
            })
            .await?;
        self.members(actor, name).await
    }
}

/// Nobody makes others more than they are themselves, or less if they are more.
fn grants(actor: &Actor, project: &ProjectRecord, role: MemberRole) -> Result<(), ControlError> {
    let name = match role {
        MemberRole::Owner => "project-owner",
        MemberRole::Member => "project-member",
        MemberRole::Viewer => "project-viewer",
    };
    let set = bundle(name).map(|bundle| bundle.set()).unwrap_or_default();
    match actor.rights.lacking(set, Some(project.id)) {
        Some(permission) => Err(ControlError::Forbidden { permission }),
        None => Ok(()),
    }
}

fn closed(project: &ProjectRecord, what: &str) -> ControlError {
    ControlError::Denied {
        code: "project-closed",
        message: format!(
            "of the project '{}' only its owners decide who is in it",
            project.name
        ),
        remedy: format!("ask one of them to {what}"),
    }
}

async fn this_user(db: &Reader, actor: &Actor) -> Result<UserRecord, ControlError> {
    let user = match actor.user {
        Some(user) => db.user_by_id(user).await?,
        None => None,
    };
    user.ok_or_else(|| ControlError::Denied {
        code: "no-user",
        message: format!("'{}' is no user, and in no project", actor.name),
        remedy: "log in with: muster login".to_owned(),
    })
}

/// The project and the user of these names, for somebody who may change who is
/// in that project.
async fn both(
    tx: &Tx,
    actor: &Actor,
    project: &str,
    user: &str,
) -> Result<(ProjectRecord, UserRecord), ControlError> {
    let project = require_project(tx, actor, project).await?;
    let found = tx.user_by_name(user).await?;
    let user = found.ok_or_else(|| ControlError::not_found("user", user))?;
    Ok((project, user))
}

async fn membership(
    db: &Reader,
    project: &ProjectRecord,
    user: &UserRecord,
) -> Result<Option<MemberRecord>, ControlError> {
    let all = db.membership_list(user.id).await?;
    Ok(all.into_iter().find(|member| member.project == project.id))
}

async fn require_member(
    db: &Reader,
    project: &ProjectRecord,
    user: &UserRecord,
) -> Result<MemberRecord, ControlError> {
    let found = membership(db, project, user).await?;
    found.ok_or_else(|| ControlError::not_found("member", &user.name))
}

/// Refuses if a project would be left without an owner.
async fn keep_an_owner(
    tx: &Tx,
    project: &ProjectRecord,
    going: &MemberRecord,
) -> Result<(), ControlError> {
    let all = tx.member_list(project.id).await?;
    let stays = |member: &&MemberRecord| {
        member.role == MemberRole::Owner
            && member.state == MemberState::Member
            && member.user != going.user
    };
    if going.role != MemberRole::Owner || all.iter().any(|member| stays(&member)) {
        return Ok(());
    }
    Err(ControlError::Conflict {
        code: "last-owner",
        message: format!("'{}' would have no owner any more", project.name),
        remedy: format!(
            "make somebody else one first: muster project add-member {} NAME --role owner",
            project.name
        ),
    })
}

async fn put(
    tx: &Tx,
    actor: &Actor,
    project: &ProjectRecord,
    user: &UserRecord,
    member: &MemberRecord,
    verb: &'static str,
) -> Result<(), ControlError> {
    tx.member_put(member).await?;
    let after = json!({ "user": user.name, "role": member.role, "state": member.state });
    let change = Change {
        resource: "project",
        project: Some(project.id),
        id: project.id.to_string(),
        name: &project.name,
        verb,
        kind: ChangeKind::Updated,
        before: None,
        after: Some(after),
    };
    Ok(record(tx, actor, change).await?)
}

async fn take_out(
    tx: &Tx,
    actor: &Actor,
    project: &ProjectRecord,
    user: &UserRecord,
    member: &MemberRecord,
    verb: &'static str,
) -> Result<(), ControlError> {
    keep_an_owner(tx, project, member).await?;
    tx.member_delete(project.id, user.id).await?;
    let before = json!({ "user": user.name, "role": member.role, "state": member.state });
    let change = Change {
        resource: "project",
        project: Some(project.id),
        id: project.id.to_string(),
        name: &project.name,
        verb,
        kind: ChangeKind::Updated,
        before: Some(before),
        after: None,
    };
    Ok(record(tx, actor, change).await?)
}

fn shown(member: &MemberRecord, user: UserRecord) -> Member {
    Member {
        user: user.name,
        role: member.role,
        state: member.state,
        created_at: member.created_at,
    }
}
