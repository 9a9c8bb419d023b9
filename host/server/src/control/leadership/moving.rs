//! Carries a host's state from its own file to a database that several hosts can
//! share, and back, while the host does not run.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use muster_api::id::HostId;
use muster_identity::seal::Sealer;
use muster_store::{CopiedTable, CopyError, CopyProgress, DatabaseUrl, Staying, Store, StoreError};

use super::{
    LEASE,
    shared::{self, Shared},
};
use crate::{
    control::{audit::OwnEntries, error::ControlError, linking::forget_lead, state::State},
    data_dir::{DataDir, DataDirError},
};

/// Where a state is to go.
#[derive(Debug, Clone)]
pub enum MoveState {
    /// To a database with nothing in it. What was in the host's file stays there
    /// until the move is confirmed.
    To(DatabaseUrl),
    /// Back to the host's file, with all that has changed since.
    Back,
    /// What the move has left behind in the host's file is removed.
    Confirm,
}

/// What was carried over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MovedState {
    /// How many tables.
    pub tables: usize,
    /// How many rows of all of them.
    pub rows: u64,
}

/// Why a state was not moved. It is where it was.
#[derive(Debug, thiserror::Error)]
pub enum UnmovedState {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy is not whole.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// It does not fit what is there.
    #[error("{message}")]
    Refused {
        /// Why not.
        message: String,
        /// What to do about it.
        remedy: String,
    },
}

impl From<ControlError> for UnmovedState {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Store(error) => Self::Store(error),
            ControlError::Conflict {
                message, remedy, ..
            } => Self::Refused { message, remedy },
            other => Self::Refused {
                message: other.to_string(),
                remedy: "see that the data directory is that of a host".to_owned(),
            },
        }
    }
}

/// What is a host's own, and stays in its file.
fn staying() -> Staying {
    let settings = [
        "host-id",
        "host.name",
        "host.next-addresses",
        "link.host-key",
        "link.own",
        "link.followed",
        "link.meanwhile",
        "roles-given",
        "logging",
        "blocks",
        shared::SHARED,
    ];
    Staying {
        tables: vec!["roles".to_owned()],
        settings: settings.map(str::to_owned).to_vec(),
    }
}

/// Moves the state of the host in `folder`, which must not run. `told` hears how far
/// it is.
///
/// # Errors
/// [`UnmovedState`]. The state is where it was, and whole.
pub async fn move_state(
    folder: &Path,
    what: MoveState,
    told: impl Fn(&CopyProgress) + Send + Sync + 'static,
) -> Result<MovedState, UnmovedState> {
    let dir = DataDir::open(folder)?;
    let store = Store::open(&dir.database()).await?;
    let key = dir.sealing_key()?;
    let sealer = Sealer::new(&key).ok_or_else(|| UnmovedState::Refused {
        message: "the sealing key in the data directory is of no use".to_owned(),
        remedy: "bring it back from a copy".to_owned(),
    })?;
    let own = State::new(store, sealer, &key);
    let progress = Arc::new(move |progress: CopyProgress| {
        told(&progress);
        ControlFlow::Continue(())
    });
    let known = Shared::find(&own, None).await?;
    let moved = match (what, known) {
        (MoveState::To(url), None) => {
            let target = Store::connect(&url).await?;
            let tables = carry_over(&own, &target, url, progress).await?;
            target.close().await?;
            tables
        }
        (MoveState::To(_), Some(known)) => {
            return Err(UnmovedState::Refused {
                message: format!("the state is in {} already", known.place()),
                remedy: "bring it back first: muster state move --back".to_owned(),
            });
        }
        (MoveState::Back | MoveState::Confirm, None) => {
            return Err(UnmovedState::Refused {
                message: "the state is in the data directory, and nowhere else".to_owned(),
                remedy: "move it with: muster state move --to URL".to_owned(),
            });
        }
        (MoveState::Confirm, Some(known)) => {
            // What is removed has to be there.
            let there = known.store().await?;
            own.store.copy_clear(&staying()).await?;
            there.close().await?;
            Vec::new()
        }
        (MoveState::Back, Some(known)) => {
            let from = known.store().await?;
            is_ours_alone(&own, &from).await?;
            own.store.copy_clear(&staying()).await?;
            let tables = from.copy_to(&own.store, &staying(), progress).await?;
            Shared::end(&own).await?;
            from.copy_clear(&Staying::default()).await?;
            from.close().await?;
            tables
        }
    };
    own.store.close().await?;
    Ok(total(&moved))
}

/// Carries what a host keeps over to `target`, where its state is from then on.
async fn carry_over(
    own: &State,
    target: &Store,
    url: DatabaseUrl,
    progress: Arc<dyn Fn(CopyProgress) -> ControlFlow<()> + Send + Sync>,
) -> Result<Vec<CopiedTable>, UnmovedState> {
    let tables = own.store.copy_to(target, &staying(), progress).await?;
    if let Some(host) = own.store.setting_get::<HostId>("host-id").await? {
        let entries = OwnEntries::new(own.store.clone(), target.clone(), host);
        entries.are_known().await?;
    }
    Shared::adopt(own, url).await?;
    forget_lead(&own.store).await?;
    Ok(tables)
}

/// Carries a state that was restored into `own` over to a database, and leaves nothing
/// behind that stands there. What the database holds is removed first if `replace` is
/// set, unless a host works on it.
///
/// # Errors
/// [`UnmovedState`]. A database that holds something is as it was, unless it was to be
/// replaced.
pub(crate) async fn restore_to(
    own: &State,
    url: DatabaseUrl,
    replace: bool,
) -> Result<(), UnmovedState> {
    let target = Store::connect(&url).await?;
    let lease = target.lease_show(LEASE).await?;
    if lease.is_some_and(|lease| !lease.remaining.is_zero()) {
        return Err(UnmovedState::Refused {
            message: format!("a host works on the state in {url}"),
            remedy: "stop all hosts that share it, or name another database".to_owned(),
        });
    }
    if replace {
        target.copy_clear(&Staying::default()).await?;
    }
    carry_over(own, &target, url, Arc::new(|_| ControlFlow::Continue(()))).await?;
    own.store.copy_clear(&staying()).await?;
    target.close().await?;
    Ok(())
}

fn total(tables: &[CopiedTable]) -> MovedState {
    MovedState {
        tables: tables.len(),
        rows: tables.iter().map(|table| table.rows).sum(),
    }
}

/// That no other host works on a state, or may begin to.
async fn is_ours_alone(own: &State, shared: &Store) -> Result<(), UnmovedState> {
    let host = own.store.setting_get::<HostId>("host-id").await?;
    let clusters = shared.cluster_all().await?;
    if let Some(cluster) = clusters.iter().find(|it| it.control_plane.len() > 1) {
        return Err(UnmovedState::Refused {
            message: format!(
                "other hosts of the cluster {} share the state",
                cluster.name
            ),
            remedy: "make this one its only control-plane host first, with: muster cluster scale"
                .to_owned(),
        });
    }
    let lease = shared.lease_show(LEASE).await?;
    let held = lease.filter(|lease| !lease.remaining.is_zero());
    if held.is_some_and(|lease| host.is_none_or(|host| host.0 != lease.holder)) {
        return Err(UnmovedState::Refused {
            message: "another host works on the state".to_owned(),
            remedy: "stop that one first".to_owned(),
        });
    }
    Ok(())
}
