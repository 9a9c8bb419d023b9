//! The running instances on this host, by app.

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

/// One running instance.
#[derive(Clone)]
pub struct Placement {
    /// Its id.
    pub id: Arc<str>,
    /// Index and release for the log, such as `0/3`.
    pub label: Arc<str>,
    /// What serves.
    pub instance: Arc<Instance>,
}

/// The running instances of one app.
pub struct Backend {
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
    pub fn new(name: &str, placements: Vec<Placement>) -> Self {
        let class = |class: usize| metrics::counter!("muster_app_requests_total", "app" => name.to_owned(), "status" => format!("{class}xx"));
        let meters = Meters {
            statuses: std::array::from_fn(class),
            seconds: metrics::histogram!("muster_app_request_seconds", "app" => name.to_owned()),
        };
        Self {
            name: Arc::from(name),
            placements,
            turn: AtomicUsize::new(0),
            meters,
        }
    }

    /// The instance of that id, if it runs.
    pub(crate) fn named(&self, id: &str) -> Option<&Placement> {
        self.placements
            .iter()
            .find(|placement| &*placement.id == id)
    }

    /// The next instance in turn that has room; one without room if none has,
    /// so that the limit's own refusal is what the client gets.
    pub(crate) fn next(&self) -> Option<&Placement> {
        let count = self.placements.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = |step: usize| &self.placements[(first.wrapping_add(step)) % count];
        let has_room = |placement: &&Placement| {
            placement.instance.active() < placement.instance.runtime().limits().concurrency
        };
        match count {
            0 => None,
            1 => self.placements.first(),
            _ => (0..count)
                .map(in_turn)
                .find(has_room)
                .or_else(|| Some(in_turn(0))),
        }
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
                .all(|(one, other)| one.id == other.id);
        (alike && &*backend.name == name).then_some(backend)
    }

    pub(crate) fn get(&self, app: &str) -> Option<Arc<Backend>> {
        self.0.load().get(app).cloned()
    }
}
