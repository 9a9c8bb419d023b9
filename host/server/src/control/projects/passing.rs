//! Joining a project and leaving it, by oneself.

use muster_api::{
    plan::Plan,
    projects::{JoinPolicy, MemberRole, MemberState, Project, ProjectState},
};
use muster_store::{MemberRecord, ProjectRecord, Reader, UserRecord};

use super::{
    Projects, inactive,
    members::{keep_an_owner, membership, put, take_out},
    memberships, personal, view, visible,
};
use crate::control::{
    error::ControlError,
    record::Actor,
    terms::{Outcome, Terms},
};

impl Projects {
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
    pub(crate) async fn leave(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Outcome<Project>, ControlError> {
        let (actor, name, owned) = (actor.clone(), name.to_owned(), terms.clone());
        let (left, plan) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let mut plan = Plan::default();
                    let user = this_user(tx, &actor).await?;
                    let project = super::find(tx, &name).await?;
                    let found = membership(tx, &project, &user).await?;
                    let mut member =
                        found.ok_or_else(|| ControlError::not_found("project", &name))?;
                    owned.check(Some(&member))?;
                    match (member.state, project.leave_policy) {
                        _ if project.personal => return Err(personal(&project)),
                        (MemberState::Joining, _) | (_, JoinPolicy::Open) => {
                            take_out(tx, &actor, &project, &user, &member, "leave").await?;
                            plan.removes.push(format!("you from the project {name}"));
                        }
                        (_, JoinPolicy::Moderated) => {
                            keep_an_owner(tx, &project, &member).await?;
                            member.state = MemberState::Leaving;
                            put(tx, &actor, &project, &user, &member, "leave").await?;
                            plan.changes
                                .push(format!("an owner of {name} is asked to let you out"));
                        }
                        (_, JoinPolicy::Closed) => return Err(closed(&project, "take you out")),
                    }
                    Ok((view(project, &memberships(tx, &actor).await?), plan))
                })
            })
            .await?;
        Ok(terms.outcome(left, plan))
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
