//! The running instances, by app: those on this host, and those on others.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use metrics::{Counter, Histogram};
use muster_engine::Instance;
use uuid::Uuid;

use crate::peer::Peer;

/// One running instance.
#[derive(Clone)]
pub struct Placement {
    /// Its id.
    pub id: Arc<str>,
    /// Index and release for the log, such as `0/3`.
    pub label: Arc<str>,
    /// Where it is.
    pub at: Place,
}

/// Where an instance is.
#[derive(Clone)]
pub enum Place {
    /// On this host.
    Here(Arc<Instance>),
    /// On another one.
    There(Arc<Peer>),
}

impl Place {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Here(one), Self::Here(other)) => Arc::ptr_eq(one, other),
            (Self::There(one), Self::There(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

/// What a request may not use again, or not at all.
#[derive(Default)]
pub(crate) struct Barred {
    /// Hosts that it has tried.
    pub(crate) hosts: Vec<Uuid>,
    /// Whether it must not go to another host any more.
    pub(crate) elsewhere: bool,
}

impl Barred {
    fn bars(&self, place: &Place) -> bool {
        match place {
            Place::Here(_) => false,
            Place::There(peer) => self.elsewhere || self.hosts.contains(&peer.id),
        }
    }
}

/// The running instances of one app.
pub struct Backend {
    /// The app's id.
    pub id: Arc<str>,
    /// The app's name, for log and metrics.
    pub name: Arc<str>,
    placements: Vec<Placement>,
    turn: AtomicUsize,
    pub(crate) meters: Meters,
}

/// The app's metrics, looked up once.
pub(crate) struct Meters {
    pub(crate) statuses: [Counter; 6],
    pub(crate) seconds: Histogram,
}

impl Backend {
    /// An app's running instances, in any order.
    #[must_use]
    pub fn new(id: &str, name: &str, placements: Vec<Placement>) -> Self {
        let class = |class: usize| metrics::counter!("muster_app_requests_total", "app" => name.to_owned(), "status" => format!("{class}xx"));
        let meters = Meters {
            statuses: std::array::from_fn(class),
            seconds: metrics::histogram!("muster_app_request_seconds", "app" => name.to_owned()),
        };
        Self {
            id: Arc::from(id),
            name: Arc::from(name),
            placements,
            turn: AtomicUsize::new(0),
            meters,
        }
    }

    /// The instance of that id, if it runs and can be had.
    pub(crate) fn named(&self, id: &str, barred: &Barred) -> Option<&Placement> {
        self.placements
            .iter()
            .find(|placement| &*placement.id == id && !barred.bars(&placement.at))
            .filter(|placement| match &placement.at {
                Place::Here(_) => true,
                Place::There(peer) => peer.is_open(),
            })
    }

    /// The next instance in turn that has room; one without room if none has,
    /// so that the limit's own refusal is what the client gets, and one on a
    /// host that rests after a failure if there is no other at all.
    pub(crate) fn next(&self, barred: &Barred) -> Option<&Placement> {
        let count = self.placements.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = || {
            (0..count)
                .map(move |step| &self.placements[first.wrapping_add(step) % count])
                .filter(|placement| !barred.bars(&placement.at))
        };
        let has_room = |placement: &&Placement| match &placement.at {
            Place::Here(instance) => instance.active() < instance.runtime().limits().concurrency,
            Place::There(peer) => peer.is_open(),
        };
        let is_here = |placement: &&Placement| matches!(placement.at, Place::Here(_));
        in_turn()
            .find(has_room)
            .or_else(|| in_turn().find(is_here))
            .or_else(|| in_turn().next())
    }
}

/// All backends, by app id. Swapped whole.
#[derive(Default)]
pub struct Backends(ArcSwap<HashMap<String, Arc<Backend>>>);

impl Backends {
    /// Replaces them all.
    pub fn replace(&self, backends: HashMap<String, Arc<Backend>>) {
        self.0.store(Arc::new(backends));
    }

    /// The backend as it is, if it would not change: its place in the turn and
    /// its meters are kept.
    #[must_use]
    pub fn same(&self, app: &str, name: &str, placements: &[Placement]) -> Option<Arc<Backend>> {
        let backend = self.get(app)?;
        let alike = backend.placements.len() == placements.len()
            && backend
                .placements
                .iter()
                .zip(placements)
                .all(|(one, other)| one.id == other.id && one.at.is_same(&other.at));
        (alike && &*backend.name == name).then_some(backend)
    }

    pub(crate) fn get(&self, app: &str) -> Option<Arc<Backend>> {
        self.0.load().get(app).cloned()
    }
}
