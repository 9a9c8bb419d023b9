//! Where blocks are kept: shown, verified, moved.

mod moving;
mod place;
mod verifying;

use std::{collections::HashSet, sync::Arc, time::Duration};

use muster_api::{
    blocks::{BlockCache, BlockStorage as Shown, BlocksMove, BlocksVerify, Digest},
    jobs::Job,
    plan::Plan,
};
use muster_blocks::{Blocks, BlocksError, Credentials, Place};
use muster_identity::seal::Sealer;
use muster_store::{ChangeKind, Store, StoreError, Tx};
use serde_json::json;
use tokio::{sync::RwLock, time::timeout};
use uuid::Uuid;

pub use self::place::BlockOptions;
pub(crate) use self::place::{forget_place, settle};
use super::{
    error::ControlError,
    linking::{Links, Part},
    record::{Actor, Change, record},
    state::State,
    terms::{Outcome, Terms},
    views::job_view,
    works,
};

/// The setting that names this state, for buckets.
const OWNER: &str = "blocks-owner";
/// How long a look at a bucket may take when it is only to be shown.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where this host's blocks are kept.
#[derive(Clone)]
pub(crate) struct BlockStorage {
    pub(crate) store: Store,
    /// Where the host keeps where its blocks are.
    pub(crate) own: State,
    pub(crate) blocks: Blocks,
    pub(crate) links: Links,
    pub(crate) sealer: Sealer,
    /// What the host was started with.
    pub(crate) credentials: Credentials,
    /// Held for writing while unused blocks are removed, for reading by whoever needs
    /// that none are.
    pub(crate) collecting: Arc<RwLock<()>>,
}

impl BlockStorage {
    /// Where blocks are kept and how many there are.
    pub(crate) async fn show(&self) -> Result<Shown, ControlError> {
        let away = || BlocksError::Away {
            reason: format!("it did not answer within {} s", PATIENCE.as_secs()),
        };
        let counted = timeout(PATIENCE, self.blocks.totals()).await;
        let (totals, problem) = match counted.unwrap_or_else(|_| Err(away())) {
            Ok(totals) => (Some(totals), None),
            Err(error @ BlocksError::Away { .. }) => (None, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let cache = self.blocks.cached_state();
        Ok(Shown {
            place: self.blocks.place().to_string(),
            blocks: totals.map(|totals| totals.blocks),
            bytes: totals.map(|totals| totals.bytes),
            collects: problem.is_none() && self.collects().await?,
            problem,
            cache: cache.map(|cache| BlockCache {
                blocks: cache.blocks,
                bytes: cache.bytes,
                limit: cache.limit,
            }),
        })
    }

    /// Whether this host decides which blocks are garbage where they are kept. Its
    /// own files are its own; of a bucket, only who works on the state that the
    /// bucket belongs to knows what is needed.
    pub(crate) async fn collects(&self) -> Result<bool, ControlError> {
        if !self.blocks.place().is_remote() {
            return Ok(true);
        }
        if matches!(self.links.part().await?, Part::Follows(_)) {
            return Ok(false);
        }
        // One that was paused takes itself for the one that leads, and reads what was
        // needed when it was. To write takes the lease.
        self.store.write(|_| Box::pin(async { Ok(()) })).await?;
        Ok(self.blocks.claim(&owner(&self.store).await?).await?)
    }

    /// Has this state decide from now on what of the bucket is garbage.
    pub(crate) async fn adopt(&self, actor: &Actor, terms: &Terms) -> Result<Plan, ControlError> {
        let place = self.blocks.place();
        terms.check(Some(&place))?;
        if !place.is_remote() || matches!(self.links.part().await?, Part::Follows(_)) {
            return Err(ControlError::Conflict {
                code: "blocks-not-shared",
                message: format!("the blocks are in '{place}', of which this host need not decide"),
                remedy: "ask a host that keeps its blocks in a bucket and follows nobody"
                    .to_owned(),
            });
        }
        let owner = owner(&self.store).await?;
        let mut plan = Plan::default();
        if self.blocks.owner().await?.as_deref() != Some(owner.as_str()) {
            plan.changes.push(format!(
                "this Muster alone removes blocks from {place} that it does not need"
            ));
        }
        if !terms.dry_run {
            self.blocks.adopt(&owner).await?;
            let (actor, place) = (actor.clone(), place.to_string());
            let noted = self.store.write(move |tx| {
                Box::pin(async move { record(tx, &actor, change("adopt", None, &place)).await })
            });
            noted.await?;
            plan.done = true;
        }
        Ok(plan)
    }

    /// Begins to move all blocks elsewhere.
    pub(crate) async fn begin_move(
        &self,
        actor: &Actor,
        terms: &Terms,
        asked: BlocksMove,
    ) -> Result<Outcome<Job>, ControlError> {
        let wrong =
            |error: muster_blocks::PlaceError| ControlError::invalid("to", error.to_string());
        let to: Place = asked.to.parse().map_err(wrong)?;
        let from = self.blocks.place();
        terms.check(Some(&from))?;
        if to == from {
            return Err(ControlError::Conflict {
                code: "blocks-there",
                message: format!("the blocks are in '{to}' already"),
                remedy: "see where they are with: muster blocks show".to_owned(),
            });
        }
        let credentials = self.credentials_for(&asked);
        // Refused at once rather than in a job.
        let moving = self.blocks.moving(to.clone(), &credentials).await;
        moving.map_err(|error| match error {
            BlocksError::Away { reason } => ControlError::invalid("to", reason),
            other => other.into(),
        })?;
        let totals = self.blocks.totals().await?;
        let plan = Plan {
            changes: vec![
                format!(
                    "{} blocks of {} bytes are copied from {from} to {to} and read back there",
                    totals.blocks, totals.bytes
                ),
                format!("from then on blocks are kept in {to}; {from} keeps what it has"),
            ],
            ..Plan::default()
        };
        if terms.dry_run {
            return Ok(Outcome::Planned(plan));
        }
        let input = moving::Input {
            to: to.to_string(),
            credentials: place::sealed(&self.sealer, &credentials)?,
        };
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let subject = to.to_string();
                    let job = works::begin(tx, works::BLOCKS_MOVE, &subject, &input).await?;
                    let before = Some(from.to_string());
                    record(tx, &actor, change("move", before, &subject)).await?;
                    Ok(Outcome::Done(job_view(job)))
                })
            })
            .await
    }

    /// Begins to read every block that is needed.
    pub(crate) async fn begin_verify(
        &self,
        actor: &Actor,
        asked: BlocksVerify,
    ) -> Result<Job, ControlError> {
        let (actor, place) = (actor.clone(), self.blocks.place().to_string());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let job = works::begin(tx, works::BLOCKS_VERIFY, &place, &asked).await?;
                    record(tx, &actor, change("verify", None, &place)).await?;
                    Ok(job_view(job))
                })
            })
            .await
    }

    /// What the request says, or else what the host was started with.
    fn credentials_for(&self, asked: &BlocksMove) -> Credentials {
        if asked.access_key.is_empty() {
            return self.credentials.clone();
        }
        Credentials {
            access_key: asked.access_key.clone(),
            secret_key: asked.secret_key.clone(),
            session_token: asked.session_token.clone(),
        }
    }

    /// The blocks that are needed, by this host and for its group.
    async fn needed(&self) -> Result<HashSet<Digest>, ControlError> {
        let uses = verifying::uses(&self.store, &self.links).await?;
        Ok(uses.into_keys().collect())
    }
}

fn change<'a>(verb: &'static str, before: Option<String>, place: &'a str) -> Change<'a> {
    Change {
        resource: "blocks",
        project: None,
        id: place.to_owned(),
        name: place,
        verb,
        kind: ChangeKind::Updated,
        before: before.map(|place| json!({ "place": place })),
        after: Some(json!({ "place": place })),
    }
}

/// Has a copy of a state be known to buckets by another name.
pub(crate) async fn forget_owner(tx: &Tx) -> Result<(), StoreError> {
    tx.setting_put(OWNER, &None::<String>).await
}

/// By which name buckets know the state that this host works on; made up the
/// first time. A copy of the state that was restored gets another one.
async fn owner(store: &Store) -> Result<String, ControlError> {
    if let Some(owner) = store.setting_get::<Option<String>>(OWNER).await?.flatten() {
        return Ok(owner);
    }
    let fresh = Uuid::new_v4().to_string();
    let made = store.write(move |tx| {
        Box::pin(async move {
            if let Some(owner) = tx.setting_get::<Option<String>>(OWNER).await?.flatten() {
                return Ok(owner);
            }
            tx.setting_put(OWNER, &fresh).await?;
            Ok(fresh)
        })
    });
    Ok(made.await?)
}
