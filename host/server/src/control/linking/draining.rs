//! Which hosts of the group get nothing new, because somebody wants them empty.

use muster_api::id::HostId;
use muster_store::{Reader, StoreError, Tx};

use super::Links;

/// The setting that holds them.
const DRAINING: &str = "link.draining";

impl Links {
    /// The hosts that are drained.
    pub(crate) async fn draining(&self) -> Result<Vec<HostId>, StoreError> {
        all(&self.state()).await
    }
}

async fn all(db: &Reader) -> Result<Vec<HostId>, StoreError> {
    Ok(db.setting_get(DRAINING).await?.unwrap_or_default())
}

/// A host that is in the group no more is not drained when it comes again.
pub(super) async fn forget(tx: &Tx, host: HostId) -> Result<(), StoreError> {
    change(tx, host, false).await
}

/// Has a host drained, or not any more.
pub(crate) async fn change(tx: &Tx, host: HostId, drained: bool) -> Result<(), StoreError> {
    let mut hosts = all(tx).await?;
    hosts.retain(|it| *it != host);
    hosts.extend(drained.then_some(host));
    tx.setting_put(DRAINING, &hosts).await
}
