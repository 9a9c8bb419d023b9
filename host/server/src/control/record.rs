//! Who changes something, and the traces that every change leaves.

use std::sync::Arc;

use muster_api::{
    audit::AuditOutcome,
    id::{ProjectId, SessionId, UserId},
    permissions::{Permission, PermissionSet},
};
use muster_store::{AuditEntry, ChangeKind, StoreError, Tx};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{error::ControlError, redact, rights::Rights};

/// Who asks, with what right, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// The user's name, or the part of the host that acts by itself.
    pub(crate) name: String,
    /// The user.
    pub(crate) user: Option<UserId>,
    /// The session that asks, unless an access key does.
    pub(crate) session: Option<SessionId>,
    /// The access key that asks.
    pub(crate) key: Option<String>,
    /// All that their credential may do at most, if that is limited.
    pub(crate) scopes: Option<PermissionSet>,
    /// By what they showed who they are, for the audit log: `session …`,
    /// `key …`.
    pub(crate) credential: Option<String>,
    /// When the access token expires that shows it.
    pub(crate) until: Option<OffsetDateTime>,
    /// The address the request came from.
    pub(crate) origin: Option<String>,
    /// The request's id.
    pub(crate) request: Option<String>,
    /// The permission that the operation needs.
    pub(crate) permission: Option<Permission>,
    /// What they may do.
    pub(crate) rights: Arc<Rights>,
}

impl Actor {
    /// A part of the host that acts by itself.
    pub(crate) fn host(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            user: None,
            session: None,
            key: None,
            scopes: None,
            credential: None,
            until: None,
            origin: None,
            request: None,
            permission: None,
            rights: Arc::new(Rights::all()),
        }
    }

    /// The host, going on with what `name` began in a project: with the rights
    /// that reach no further.
    pub(crate) fn on_behalf(name: impl Into<String>, project: ProjectId) -> Self {
        Self {
            permission: Some(Permission::AppWrite),
            rights: Arc::new(Rights::in_project(project)),
            ..Self::host(name)
        }
    }

    /// The user who asks. The host's own key is none.
    pub(crate) fn person(&self) -> Result<UserId, ControlError> {
        self.user.ok_or_else(|| ControlError::Denied {
            code: "no-user",
            message: format!("'{}' is the host's own key, and no user", self.name),
            remedy: "log in as a user with: muster login".to_owned(),
        })
    }

    /// Refuses whoever is not there in person: a key, and a session that is
    /// limited, may have been given away to do less than this.
    pub(crate) fn in_person(&self) -> Result<(), ControlError> {
        self.person()?;
        let with = match (&self.key, self.scopes) {
            (Some(_), _) => "an access key",
            (None, Some(_)) => "a session with limited scopes",
            (None, None) => return Ok(()),
        };
        Err(ControlError::Denied {
            code: "not-in-person",
            message: format!("{with} cannot do this"),
            remedy: "log in with: muster login".to_owned(),
        })
    }

    /// Refuses unless they have the operation's permission in the project that
    /// something belongs to. Of things that they may not even see, there is
    /// none.
    pub(crate) fn require(
        &self,
        project: ProjectId,
        kind: &'static str,
        name: &str,
    ) -> Result<(), ControlError> {
        match self.permission {
            None => Ok(()),
            Some(permission) => self.require_permission(permission, project, kind, name),
        }
    }

    /// Like [`require`](Self::require), for another permission than the
    /// operation's.
    pub(crate) fn require_permission(
        &self,
        permission: Permission,
        project: ProjectId,
        kind: &'static str,
        name: &str,
    ) -> Result<(), ControlError> {
        if self.rights.within(project, permission) {
            Ok(())
        } else if self.rights.sees(project) {
            Err(ControlError::Forbidden { permission })
        } else {
            Err(ControlError::not_found(kind, name))
        }
    }

    /// The projects that a list is about; nothing if all.
    pub(crate) fn among(&self) -> Option<Vec<ProjectId>> {
        self.permission
            .and_then(|permission| self.rights.among(permission))
    }

    /// The project that their things go into unless told: their own.
    pub(crate) fn home(&self) -> Result<ProjectId, ControlError> {
        let user = self.user.ok_or_else(|| {
            ControlError::invalid("project", "who has no project of their own must name one")
        })?;
        Ok(ProjectId(user.0))
    }
}

/// One change, as the logs tell it.
pub(crate) struct Change<'a> {
    /// What kind of thing, such as `app`.
    pub(crate) resource: &'static str,
    /// Its id, for those who watch.
    pub(crate) id: String,
    /// The project that it belongs to, if it belongs to one.
    pub(crate) project: Option<ProjectId>,
    /// Its name, for people.
    pub(crate) name: &'a str,
    /// What was done, such as `start`.
    pub(crate) verb: &'static str,
    /// Whether it came, changed or went.
    pub(crate) kind: ChangeKind,
    /// What it was.
    pub(crate) before: Option<Value>,
    /// What it is.
    pub(crate) after: Option<Value>,
}

/// Writes a change into the change log and, without its secrets, into the audit
/// log.
pub(crate) async fn record(tx: &Tx, actor: &Actor, change: Change<'_>) -> Result<(), StoreError> {
    tx.change_append(change.resource, &change.id, change.kind, change.project)
        .await?;
    let (mut before, mut after) = (change.before, change.after);
    redact::mask(&mut before, &mut after);
    tx.audit_append(&AuditEntry {
        at: muster_store::now(),
        actor: actor.name.clone(),
        credential: actor.credential.clone(),
        action: format!("{}.{}", change.resource, change.verb),
        subject: change.name.to_owned(),
        outcome: AuditOutcome::Done,
        reason: None,
        times: 1,
        before,
        after,
        origin: actor.origin.clone(),
        request_id: actor.request.clone(),
    })
    .await?;
    Ok(())
}

/// A value for the audit log.
pub(crate) fn value(of: &impl Serialize) -> Option<Value> {
    serde_json::to_value(of).ok()
}
