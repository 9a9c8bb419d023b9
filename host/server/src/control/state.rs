//! On which state a host works: its own, or that which several hosts share and one
//! of them works on at a time.

use std::sync::Arc;

use muster_identity::seal::Sealer;
use muster_store::Store;

/// A state, and what seals its secrets.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) sealer: Sealer,
    /// The key that the sealer has.
    pub(crate) key: Arc<[u8]>,
}

impl State {
    pub(crate) fn new(store: Store, sealer: Sealer, key: &[u8]) -> Self {
        Self {
            key: key.into(),
            store,
            sealer,
        }
    }
}
