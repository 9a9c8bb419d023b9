//! Who is in a project, as its owners decide it.

use muster_api::{
    page::Page,
    permissions::bundle,
    plan::Plan,
    projects::{Member, MemberRole, MemberState, ProjectState},
};
use muster_store::{ChangeKind, MemberRecord, ProjectRecord, Reader, Tx, UserRecord};
use serde_json::json;

use super::{Projects, inactive, personal, require_project};
use crate::control::{
    error::ControlError,
    record::{Actor, Change, record},
    terms::{Outcome, Terms},
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

    /// As what somebody is in a project.
    pub(crate) async fn member(
        &self,
        actor: &Actor,
        name: &str,
        user: &str,
    ) -> Result<(MemberRecord, Member), ControlError> {
        let (project, user) = both(&self.store, actor, name, user).await?;
        let member = require_member(&self.store, &project, &user).await?;
        let shown = shown(&member, user);
        Ok((member, shown))
    }

    /// Puts somebody into a project, or changes as what they are in it.
    pub(crate) async fn put_member(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        user: &str,
        role: MemberRole,
    ) -> Result<Outcome<(MemberRecord, Member)>, ControlError> {
        let (actor, name, user) = (actor.clone(), name.to_owned(), user.to_owned());
        let owned = terms.clone();
        let (member, line) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
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
                    owned.check(found.as_ref())?;
                    if let Some(before) = &found {
                        grants(&actor, &project, before.role)?;
                        if role != MemberRole::Owner {
                            keep_an_owner(tx, &project, before).await?;
                        }
                    }
                    let was = match &found {
                        Some(before) if before.state == MemberState::Member => before.role.word(),
                        _ => "not in it",
                    };
                    let line = format!(
                        "{} in the project {}: {was} → {}",
                        user.name,
                        project.name,
                        role.word()
                    );
                    let member = MemberRecord {
                        project: project.id,
                        user: user.id,
                        role,
                        state: MemberState::Member,
                        created_at: found
                            .map_or_else(muster_store::now, |before| before.created_at),
                    };
                    put(tx, &actor, &project, &user, &member, "put-member").await?;
                    let shown = shown(&member, user);
                    Ok(((member, shown), line))
                })
            })
            .await?;
        let plan = Plan {
            changes: vec![line],
            ..Plan::default()
        };
        Ok(terms.outcome(member, plan))
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
        let owned = terms.clone();
        let removes = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let (project, user) = both(tx, &actor, &name, &user).await?;
                    if project.personal {
                        return Err(personal(&project));
                    }
                    let member = require_member(tx, &project, &user).await?;
                    owned.check(Some(&member))?;
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

/// The project and the user of these names, for somebody who may see that
/// project.
async fn both(
    tx: &Reader,
    actor: &Actor,
    project: &str,
    user: &str,
) -> Result<(ProjectRecord, UserRecord), ControlError> {
    let project = require_project(tx, actor, project).await?;
    let found = tx.user_by_name(user).await?;
    let user = found.ok_or_else(|| ControlError::not_found("user", user))?;
    Ok((project, user))
}

pub(super) async fn membership(
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
pub(super) async fn keep_an_owner(
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

pub(super) async fn put(
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

pub(super) async fn take_out(
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
