//! Which of the hosts that share a state leads: the one with the lease, a row in
//! their database. It works on the state, and every one of its writes is checked
//! against the lease's number, so that one which was paused for too long changes
//! nothing any more. The others stand by: they follow it, and carry calls to it.
//!
//! How long a lease lasts is judged by the database's clock alone, and by the time
//! that has passed here, so that it does not matter what a host takes the time for.

pub(crate) mod moving;
mod shared;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use muster_api::id::HostId;
use muster_bus::{Bus, BusUrl, Hint, Hints};
use muster_store::{DatabaseUrl, Fence, Store};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::shared::Shared;
use super::{audit::OwnEntries, error::ControlError, linking::Links, state::State};
use crate::peers::sharing::Share;

/// The name of the lease.
const LEASE: &str = "leader";
/// How long a lease is good for that is not renewed.
const LIFE: Duration = Duration::from_secs(8);
/// How much earlier than that a host stops to rely on it.
const MARGIN: Duration = Duration::from_secs(2);
/// How often it is renewed, or looked for.
const BEAT: Duration = Duration::from_secs(1);
/// How long the database may take to answer about it.
const ASK: Duration = Duration::from_secs(2);
/// How long a host may take to take up another part.
const SETTLE: Duration = Duration::from_secs(15);
/// For how long a host does not try to lead that could not.
const REST: Duration = Duration::from_secs(5);

/// What part a host has.
#[derive(Clone)]
pub(crate) enum Part {
    /// Its state is its own.
    Alone,
    /// It works on the state that it shares, under the lease of that number.
    Leads(Fence, State),
    /// Another one does, or nobody.
    StandsBy,
}

/// What part this host has, as it changes.
#[derive(Clone)]
pub(crate) struct Leadership(Arc<Inner>);

struct Inner {
    own: State,
    host: HostId,
    links: Links,
    bus: Bus,
    /// The bus that this host was started with, which counts before that of those who
    /// share the state.
    own_bus: Option<BusUrl>,
    /// Notified when the bus says that the shared state is worth a look.
    hinted: Notify,
    shared: watch::Sender<Option<Arc<Shared>>>,
    part: watch::Sender<Part>,
    /// What this host has taken up last.
    taken_up: watch::Sender<Option<Part>>,
    /// Whether it has tried to lead and could not.
    failed: AtomicBool,
}

impl Part {
    /// Whether the other is the same part: of those that lead, under the same lease.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Alone, Self::Alone) | (Self::StandsBy, Self::StandsBy) => true,
            (Self::Leads(fence, _), Self::Leads(other, _)) => fence == other,
            _ => false,
        }
    }
}

impl Leadership {
    /// Finds out whether this host shares a state, and what part it has at first.
    ///
    /// # Errors
    /// If it is to share one that it cannot.
    pub(crate) async fn open(
        own: &State,
        host: HostId,
        (database, own_bus): (Option<DatabaseUrl>, Option<BusUrl>),
        (links, bus): (Links, Bus),
    ) -> Result<(Self, Part), ControlError> {
        let shared = Shared::find(own, database).await?.map(Arc::new);
        let part = match shared {
            Some(_) => Part::StandsBy,
            None => Part::Alone,
        };
        let this = Self(Arc::new(Inner {
            own: own.clone(),
            host,
            links,
            bus,
            own_bus,
            hinted: Notify::new(),
            shared: watch::Sender::new(shared.clone()),
            part: watch::Sender::new(part),
            taken_up: watch::Sender::new(None),
            failed: AtomicBool::new(false),
        }));
        this.0.links.shares_state(shared.is_some());
        this.to_its_bus();
        if let Some(shared) = &shared {
            this.beat(shared, &mut None).await;
        }
        let part = this.0.part.borrow().clone();
        Ok((this, part))
    }

    /// Waits until this host's part is another one than `part`.
    pub(crate) async fn next(&self, part: &Part) -> Part {
        let mut parts = self.0.part.subscribe();
        let next = parts.wait_for(|next| !next.is(part)).await;
        // The sender lives as long as this value.
        next.map_or_else(|_| part.clone(), |next| next.clone())
    }

    /// This host has taken up that part.
    pub(crate) fn took_up(&self, part: &Part) {
        self.0.taken_up.send_replace(Some(part.clone()));
    }

    /// Waits until this host has taken up what it is to be, if that does not take
    /// too long.
    async fn settled(&self) {
        let mut taken_up = self.0.taken_up.subscribe();
        let is = |part: &Option<Part>| {
            let now = self.0.part.borrow();
            part.as_ref().is_some_and(|part| part.is(&now))
        };
        let settled = taken_up.wait_for(is);
        if timeout(SETTLE, settled).await.is_err() {
            tracing::debug!("this host has not taken up its part yet");
        }
    }

    /// This host could not take up that part: another one may try.
    pub(crate) async fn give_up(&self, part: &Part) {
        if matches!(part, Part::Leads(..)) {
            self.0.failed.store(true, Ordering::Relaxed);
            self.release().await;
            self.0.part.send_replace(Part::StandsBy);
        }
    }

    /// Keeps the lease, or looks for it, until the host ends.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut news = self.0.shared.subscribe();
        let mut held = self.fence().map(|_| Instant::now());
        let mut hints = self.hints();
        loop {
            let shared = news.borrow_and_update().clone();
            match &shared {
                Some(shared) => self.beat(shared, &mut held).await,
                None => self.stand(Part::Alone),
            }
            let pause = match self.0.failed.swap(false, Ordering::Relaxed) {
                true => REST,
                false => BEAT,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.worth_a_look(&mut hints) => {}
                _ = news.changed() => hints = self.hints(),
                () = stop.cancelled() => return,
            }
        }
    }

    /// What those say who share the state.
    fn hints(&self) -> Option<Hints> {
        let shared = self.0.shared.borrow();
        let channel = self.0.bus.channel(shared.as_ref()?.key());
        Some(channel.hints(&self.0.host.to_string()))
    }

    /// Waits until the bus says that the lease is worth a look.
    async fn worth_a_look(&self, hints: &mut Option<Hints>) {
        let Some(hints) = hints else {
            return std::future::pending().await;
        };
        while hints.next().await == Hint::Changed {
            self.0.hinted.notify_waiters();
        }
    }

    /// Resolves when the bus says that the state which this host shares has changed.
    pub(crate) async fn hinted(&self) {
        self.0.hinted.notified().await;
    }

    /// Lets another host lead at once, if this one does; it ends.
    pub(crate) async fn close(&self) {
        self.release().await;
        let shared = self.0.shared.borrow().clone();
        if let Some(shared) = shared {
            shared.close().await;
        }
    }

    /// Has another host lead that shares the state, if this one does.
    ///
    /// # Errors
    /// If the database did not do it.
    pub(crate) async fn pass(&self, to: HostId) -> Result<(), ControlError> {
        let shared = self.0.shared.borrow().clone();
        let (Some(shared), Some(fence)) = (shared, self.fence()) else {
            return Ok(());
        };
        let store = shared.store().await?;
        store
            .lease_pass(LEASE, self.0.host.0, fence, to.0, LIFE)
            .await?;
        // The next look at the lease finds who has it: now rather than later.
        self.0.shared.send_modify(|_| {});
        Ok(())
    }

    /// Whether the state can be shared with other hosts.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.shared.borrow().is_some()
    }

    /// What another host has to know to share the state, if it can be shared.
    pub(crate) fn share_with_others(&self) -> Option<Share> {
        let shared = self.0.shared.borrow().clone()?;
        Some(shared.for_others(self.bus_of(&shared)))
    }

    /// The bus that this host is on, as it shares that state.
    fn bus_of<'a>(&'a self, shared: &'a Shared) -> Option<&'a BusUrl> {
        self.0.own_bus.as_ref().or(shared.bus())
    }

    /// Goes to the bus that counts, unless this host is on it.
    fn to_its_bus(&self) {
        let shared = self.0.shared.borrow().clone();
        let bus = match &shared {
            Some(shared) => self.bus_of(shared),
            None => self.0.own_bus.as_ref(),
        };
        self.0.bus.exchange(bus);
    }

    /// Shares a state from now on, and stands by: the leader has asked for it.
    ///
    /// # Errors
    /// If the state cannot be reached from here, or is that of others.
    pub(crate) async fn begin_sharing(&self, share: &Share) -> Result<(), ControlError> {
        let known = self.0.shared.borrow().clone();
        if let Some(known) = known.filter(|known| known.is(share)) {
            if let Some(next) = known.on_bus(&self.0.own, share).await? {
                self.0.shared.send_replace(Some(Arc::new(next)));
                self.to_its_bus();
            }
            return Ok(());
        }
        let shared = Shared::begin(&self.0.own, share).await?;
        // What this host has done by itself before is none of the group's.
        let (own, group) = (self.0.own.store.clone(), shared.store().await?);
        let entries = OwnEntries::new(own, group, self.0.host);
        entries.are_known().await?;
        self.0.links.shares_state(true);
        self.0.part.send_replace(Part::StandsBy);
        self.0.shared.send_replace(Some(Arc::new(shared)));
        self.to_its_bus();
        self.settled().await;
        tracing::info!("this host shares the group's state from now on");
        Ok(())
    }

    /// Shares nothing from now on, and follows like any other host.
    pub(crate) async fn end_sharing(&self) -> Result<(), ControlError> {
        let Some(known) = self.0.shared.borrow().clone() else {
            return Ok(());
        };
        Shared::end(&self.0.own).await?;
        self.0.shared.send_replace(None);
        self.to_its_bus();
        self.0.links.shares_state(false);
        self.0.part.send_replace(Part::Alone);
        self.settled().await;
        known.close().await;
        tracing::info!("this host shares the group's state no more");
        Ok(())
    }

    /// The shared state to look into, while another host leads.
    pub(crate) async fn look(&self) -> Option<Store> {
        let shared = self.0.shared.borrow().clone()?;
        timeout(ASK, shared.store()).await.ok()?.ok()
    }

    /// The number of the lease, if this host has it.
    fn fence(&self) -> Option<Fence> {
        match &*self.0.part.borrow() {
            Part::Leads(fence, _) => Some(*fence),
            _ => None,
        }
    }

    /// Takes or renews the lease, if it can be had. `held` is when this host was
    /// last sure of it.
    async fn beat(&self, shared: &Shared, held: &mut Option<Instant>) {
        let began = Instant::now();
        let taken = timeout(ASK, async {
            let store = shared.store().await?;
            let fence = store.lease_take(LEASE, self.0.host.0, LIFE).await?;
            let holder = match fence {
                Some(_) => None,
                // What it has given back is not its own any more.
                None => {
                    let lease = store.lease_show(LEASE).await?;
                    let holder = lease.map(|lease| lease.holder);
                    holder.filter(|holder| *holder != self.0.host.0)
                }
            };
            Ok::<_, ControlError>((store, fence, holder))
        });
        match taken.await {
            Ok(Ok((store, Some(fence), _))) => {
                *held = Some(began);
                let known =
                    matches!(&*self.0.part.borrow(), Part::Leads(number, _) if *number == fence);
                if !known {
                    tracing::info!(?fence, "this host leads from now on");
                    let state =
                        State::new(store.fenced(LEASE, fence), shared.sealer(), shared.key());
                    self.0.part.send_replace(Part::Leads(fence, state));
                }
            }
            Ok(Ok((_, None, holder))) => {
                *held = None;
                self.0.links.lease_is_of(holder.map(HostId));
                self.stand(Part::StandsBy);
            }
            failed => {
                if let Ok(Err(error)) = failed {
                    tracing::debug!(%error, "the lease cannot be asked for");
                }
                // Who had it may have it no more. Whoever leads by now is found by
                // asking the others.
                self.0.links.lease_is_of(None);
                if held.is_none_or(|held| held.elapsed() >= LIFE - MARGIN) {
                    *held = None;
                    self.stand(Part::StandsBy);
                }
            }
        }
    }

    /// Takes a part that needs nothing else, if it is news.
    fn stand(&self, next: Part) {
        self.0.part.send_if_modified(|now| {
            let news = !now.is(&next);
            if news {
                if matches!(now, Part::Leads(..)) {
                    tracing::warn!("this host leads no more");
                }
                *now = next;
            }
            news
        });
    }

    async fn release(&self) {
        let shared = self.0.shared.borrow().clone();
        let (Some(shared), Some(fence)) = (shared, self.fence()) else {
            return;
        };
        let released = timeout(ASK, async {
            let store = shared.store().await?;
            store.lease_release(LEASE, self.0.host.0, fence).await?;
            Ok::<_, ControlError>(())
        });
        if !matches!(released.await, Ok(Ok(()))) {
            tracing::debug!("the lease was not given back; it expires");
            return;
        }
        let channel = self.0.bus.channel(shared.key());
        channel.hint(Hint::Free, &self.0.host.to_string()).await;
    }
}
