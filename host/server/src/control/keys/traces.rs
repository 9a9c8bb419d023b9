//! Access keys as they are shown, and the traces of their changes.

use muster_api::keys::{AccessKey, KeyState};
use muster_store::{AccessKeyRecord, ChangeKind, Tx};
use time::OffsetDateTime;

use crate::control::{
    error::ControlError,
    record::{Actor, Change, record, value},
};

pub(super) fn state(key: &AccessKeyRecord, now: OffsetDateTime) -> KeyState {
    if key.revoked_at.is_some() {
        KeyState::Revoked
    } else if key.expires_at.is_some_and(|at| at <= now) {
        KeyState::Expired
    } else {
        KeyState::Active
    }
}

pub(super) fn view(key: AccessKeyRecord, user: Option<String>) -> AccessKey {
    let now = muster_store::now();
    AccessKey {
        state: state(&key, now),
        previous_until: key.previous.map(|(_, until)| until).filter(|at| *at > now),
        id: key.id,
        name: key.name,
        user,
        internal: key.internal,
        scopes: key.scopes,
        networks: key.networks,
        created_at: key.created_at,
        rotated_at: key.rotated_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
        last_used_from: key.last_used_from,
    }
}

pub(super) async fn changed(
    tx: &Tx,
    actor: &Actor,
    before: Option<&AccessKeyRecord>,
    after: &AccessKeyRecord,
    verb: &'static str,
) -> Result<(), ControlError> {
    let shown = |key: &AccessKeyRecord| value(&view(key.clone(), None));
    let kind = match before {
        Some(_) => ChangeKind::Updated,
        None => ChangeKind::Created,
    };
    let change = Change {
        resource: "key",
        project: None,
        id: after.id.clone(),
        name: &after.id,
        verb,
        kind,
        before: before.and_then(shown),
        after: shown(after),
    };
    Ok(record(tx, actor, change).await?)
}
