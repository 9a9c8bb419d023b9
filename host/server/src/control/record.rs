//! Who changes something, and the traces that every change leaves.

use muster_store::{AuditEntry, ChangeKind, StoreError, Tx};
use serde::Serialize;
use serde_json::Value;

/// Who asks, for the audit log.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    /// The user's name.
    pub(crate) name: String,
    /// The address the request came from.
    pub(crate) origin: Option<String>,
    /// The request's id.
    pub(crate) request: Option<String>,
}

/// One change, as the logs tell it.
pub(crate) struct Change<'a> {
    /// What kind of thing, such as `app`.
    pub(crate) resource: &'static str,
    /// Its id, for those who watch.
    pub(crate) id: String,
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

/// Writes a change into the change log and the audit log.
pub(crate) async fn record(tx: &Tx, actor: &Actor, change: Change<'_>) -> Result<(), StoreError> {
    tx.change_append(change.resource, &change.id, change.kind)
        .await?;
    tx.audit_append(&AuditEntry {
        at: muster_store::now(),
        actor: actor.name.clone(),
        action: format!("{}.{}", change.resource, change.verb),
        subject: change.name.to_owned(),
        before: change.before,
        after: change.after,
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
