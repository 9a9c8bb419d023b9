//! The routes as control sees them, with the changes that bring a router
//! plugin from one generation to the next. Nothing here decides on a request.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use muster_engine::plugin::routing::{Route, RouteKey, TableUpdate};

/// For how many generations changes are kept; a plugin further behind gets the
/// whole table.
const HISTORY: usize = 256;

/// Host name and path prefix.
type Key = (String, String);

/// The table of routes.
#[derive(Default)]
pub struct RouteTable {
    generation: AtomicU64,
    /// Whether anybody has said what the routes are, if only that there are none.
    known: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    routes: BTreeMap<Key, Route>,
    /// The keys that each generation touched, oldest first.
    history: VecDeque<(u64, Vec<Key>)>,
}

impl RouteTable {
    /// The current generation. 0 before the first route.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether it is known what the routes are. Until then, that there is none
    /// means nothing.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// Replaces the table. The generation grows if anything differs.
    pub fn replace(&self, routes: Vec<Route>) {
        let mut inner = self.lock();
        let new: BTreeMap<Key, Route> = routes
            .into_iter()
            .map(|route| (key(&route.key), route))
            .collect();
        let gone = inner.routes.keys().filter(|key| !new.contains_key(*key));
        let differing = new
            .iter()
            .filter(|(key, route)| inner.routes.get(*key) != Some(route))
            .map(|(key, _)| key);
        let touched: Vec<Key> = gone.chain(differing).cloned().collect();
        if touched.is_empty() {
            self.known.store(true, Ordering::Release);
            return;
        }
        let generation = self.generation.load(Ordering::Acquire) + 1;
        inner.routes = new;
        inner.history.push_back((generation, touched));
        if inner.history.len() > HISTORY {
            inner.history.pop_front();
        }
        self.generation.store(generation, Ordering::Release);
        self.known.store(true, Ordering::Release);
    }

    /// What brings a plugin that holds `generation`, or nothing, up to date.
    #[must_use]
    pub fn update_since(&self, generation: Option<u64>) -> TableUpdate {
        let inner = self.lock();
        let current = self.generation.load(Ordering::Acquire);
        let oldest = inner
            .history
            .front()
            .map_or(current + 1, |(first, _)| *first);
        match generation {
            Some(held) if held + 1 >= oldest && held <= current => {
                let touched: BTreeSet<&Key> = inner
                    .history
                    .iter()
                    .filter(|(generation, _)| *generation > held)
                    .flat_map(|(_, keys)| keys)
                    .collect();
                let (kept, gone): (Vec<&Key>, Vec<&Key>) = touched
                    .into_iter()
                    .partition(|key| inner.routes.contains_key(*key));
                TableUpdate {
                    generation: current,
                    full: false,
                    upserts: kept
                        .iter()
                        .filter_map(|key| inner.routes.get(*key))
                        .cloned()
                        .collect(),
                    removals: gone
                        .into_iter()
                        .map(|(host, path)| RouteKey {
                            host: host.clone(),
                            path: path.clone(),
                        })
                        .collect(),
                }
            }
            _ => TableUpdate {
                generation: current,
                full: true,
                upserts: inner.routes.values().cloned().collect(),
                removals: Vec::new(),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(key: &RouteKey) -> Key {
    (key.host.clone(), key.path.clone())
}

#[cfg(test)]
mod tests {
    use muster_engine::plugin::routing::{Action, Target};
    use proptest::prelude::*;

    use super::*;

    fn route(host: u8, app: u8) -> Route {
        let target = Target {
            app: format!("app{app}"),
            weight: 1,
            instances: Vec::new(),
        };
        Route {
            key: RouteKey {
                host: format!("h{host}"),
                path: "/".to_owned(),
            },
            action: Action::Forward(vec![target]),
            sticky: false,
        }
    }

    #[test]
    fn the_same_table_again_is_no_new_generation() {
        let table = RouteTable::default();
        assert!(!table.is_known());
        table.replace(Vec::new());
        assert!(table.is_known());
        table.replace(vec![route(1, 1)]);
        table.replace(vec![route(1, 1)]);
        assert_eq!(table.generation(), 1);
    }

    #[test]
    fn who_is_too_far_behind_gets_everything() {
        let table = RouteTable::default();
        for turn in 0..=HISTORY {
            table.replace(vec![route(1, u8::try_from(turn % 2).unwrap())]);
        }
        assert!(!table.update_since(Some(1)).full);
        assert!(table.update_since(Some(0)).full);
        assert!(table.update_since(None).full);
        assert!(table.update_since(Some(u64::MAX - 1)).full);
    }

    proptest! {
        /// Whatever happens to the table, a plugin that follows the updates
        /// with pauses of any length holds the same routes.
        #[test]
        fn updates_lead_to_the_table(
            tables in prop::collection::vec(prop::collection::btree_map(0u8..6, 0u8..3, 0..6), 1..20),
            sees in prop::collection::vec(any::<bool>(), 20),
        ) {
            let table = RouteTable::default();
            let mut held: BTreeMap<Key, Route> = BTreeMap::new();
            let mut generation = None;
            let last = tables.len() - 1;
            for (turn, routes) in tables.into_iter().enumerate() {
                table.replace(routes.into_iter().map(|(host, app)| route(host, app)).collect());
                if sees[turn] || turn == last {
                    let update = table.update_since(generation);
                    if update.full { held.clear(); }
                    for gone in &update.removals { held.remove(&key(gone)); }
                    for route in update.upserts { held.insert(key(&route.key), route); }
                    generation = Some(update.generation);
                }
            }
            prop_assert_eq!(&held, &table.lock().routes);
        }
    }
}
