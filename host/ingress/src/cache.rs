//! Decisions that hold for more than one request, as the router declared.

use std::{collections::HashMap, sync::Arc};

use muster_engine::plugin::routing::{Decision, Scope};

/// How many decisions are kept; when there are more, all are forgotten, which
/// is simpler than choosing and happens rarely.
const CAPACITY: usize = 10_000;
/// Decisions on longer paths are not kept: their room is the client's to choose.
const MAX_PATH: usize = 256;

/// One worker's cached decisions of one generation of the table.
#[derive(Default)]
pub(crate) struct DecisionCache {
    hosts: HashMap<Box<str>, Cached>,
    size: usize,
}

#[derive(Default)]
struct Cached {
    whole: Option<Arc<Decision>>,
    paths: HashMap<Box<str>, Arc<Decision>>,
}

impl DecisionCache {
    pub(crate) fn get(&self, host: &str, path: &str) -> Option<Arc<Decision>> {
        let cached = self.hosts.get(host)?;
        cached
            .whole
            .as_ref()
            .or_else(|| cached.paths.get(path))
            .cloned()
    }

    pub(crate) fn put(&mut self, host: &str, path: &str, decision: &Arc<Decision>) {
        if decision.scope == Scope::Request
            || (decision.scope == Scope::Path && path.len() > MAX_PATH)
        {
            return;
        }
        if self.size >= CAPACITY {
            self.clear();
        }
        self.size += 1;
        let cached = self.hosts.entry(Box::from(host)).or_default();
        if decision.scope == Scope::Host {
            cached.whole = Some(Arc::clone(decision));
        } else {
            cached.paths.insert(Box::from(path), Arc::clone(decision));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.hosts.clear();
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use muster_engine::plugin::routing::Outcome;

    use super::*;

    fn decision(scope: Scope) -> Arc<Decision> {
        Arc::new(Decision {
            outcome: Outcome::NoRoute,
            scope,
        })
    }

    #[test]
    fn a_decision_is_kept_for_its_scope_alone() {
        let mut cache = DecisionCache::default();
        cache.put("once", "/", &decision(Scope::Request));
        cache.put("path", "/a", &decision(Scope::Path));
        cache.put("host", "/a", &decision(Scope::Host));
        assert!(cache.get("once", "/").is_none());
        assert!(cache.get("path", "/a").is_some());
        assert!(cache.get("path", "/b").is_none());
        assert!(cache.get("host", "/b").is_some());
        assert!(cache.get("other", "/a").is_none());
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let mut cache = DecisionCache::default();
        for n in 0..CAPACITY + 10 {
            cache.put("host", &format!("/{n}"), &decision(Scope::Path));
        }
        assert!(cache.hosts["host"].paths.len() <= CAPACITY);
        assert!(cache.get("host", &format!("/{}", CAPACITY + 9)).is_some());
    }
}
