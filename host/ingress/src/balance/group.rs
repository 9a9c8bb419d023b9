//! All upstreams with the terms, as every worker sees them. Swapped as one.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use muster_engine::plugin::balancing::{Pool, Upstream as Told, Upstreams};
use uuid::Uuid;

use super::{
    terms::Terms,
    upstream::{Condition, LastFailure, Upstream},
};

/// A router to which requests may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its host.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Where it is reached, as `host:port`, the best first.
    pub addresses: Vec<String>,
    /// Its share among the others, from 1 on.
    pub weight: u32,
    /// Whether it gets nothing new.
    pub draining: bool,
    /// Why it cannot be reached from here, if that is known.
    pub out_of_reach: Option<String>,
}

/// A router, and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What was told of it.
    pub listed: Listed,
    /// How it is.
    pub condition: Condition,
    /// How many requests it has under way from this load balancer.
    pub in_flight: u32,
    /// How many it has answered.
    pub served: u64,
    /// How many it has failed.
    pub failed: u64,
    /// What went wrong last.
    pub last_failure: Option<LastFailure>,
}

/// What a load balancer goes by at the moment.
pub(super) struct Group {
    pub(super) generation: u64,
    pub(super) terms: Arc<Terms>,
    members: Vec<Member>,
}

struct Member {
    listed: Listed,
    upstream: Arc<Upstream>,
}

impl Group {
    pub(super) fn upstream(&self, place: u32) -> Option<&Arc<Upstream>> {
        Some(&self.members.get(place as usize)?.upstream)
    }

    /// Those that can be asked how they are.
    pub(super) fn within_reach(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        let reached = |it: &&Member| it.listed.out_of_reach.is_none();
        self.members.iter().filter(reached).map(|it| &it.upstream)
    }

    /// As a plugin is told.
    pub(super) fn pool(&self) -> Pool {
        let upstreams = self.members.iter().map(|it| Told {
            id: it.listed.id.to_string(),
            weight: it.listed.weight,
        });
        Pool {
            generation: self.generation,
            policy: self.terms.policy,
            hash_key: self.terms.hash_key.clone(),
            upstreams: upstreams.collect(),
        }
    }
}

impl Upstreams for Group {
    fn may_serve(&self, upstream: u32, last: bool) -> bool {
        self.members.get(upstream as usize).is_some_and(|it| {
            !it.listed.draining && it.listed.out_of_reach.is_none() && it.upstream.may_serve(last)
        })
    }

    fn in_flight(&self, upstream: u32) -> u32 {
        self.upstream(upstream).map_or(0, |it| it.in_flight())
    }
}

/// The upstreams and the terms that are in force.
pub struct Balance {
    current: ArcSwap<Group>,
    generation: AtomicU64,
    changing: Mutex<()>,
    leaving: AtomicBool,
}

impl Default for Balance {
    fn default() -> Self {
        let group = Group {
            generation: 0,
            terms: Arc::default(),
            members: Vec::new(),
        };
        Self {
            current: ArcSwap::from_pointee(group),
            generation: AtomicU64::new(0),
            changing: Mutex::default(),
            leaving: AtomicBool::new(false),
        }
    }
}

impl Balance {
    /// Puts these in force. What is known of an upstream stays with it as long
    /// as it is where it was.
    pub fn replace(&self, mut listed: Vec<Listed>, terms: Terms) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        listed.sort_by_key(|it| it.id);
        let before = self.current.load();
        let known = before.members.iter().map(|it| &it.listed);
        if known.eq(listed.iter()) && *before.terms == terms {
            return;
        }
        let members = listed.into_iter().map(|listed| Member {
            upstream: before.same(&listed).unwrap_or_else(|| {
                let addresses = listed.addresses.clone();
                Arc::new(Upstream::new(listed.id, &listed.name, addresses))
            }),
            listed,
        });
        let generation = before.generation + 1;
        let group = Group {
            generation,
            members: members.collect(),
            terms: Arc::new(terms),
        };
        if group.terms.check.is_none() {
            group.within_reach().for_each(|it| it.unchecked());
        }
        self.current.store(Arc::new(group));
        self.generation.store(generation, Ordering::Release);
    }

    /// The upstreams, and how they do.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |it: &Member| {
            let (served, failed) = it.upstream.counts();
            Shown {
                listed: it.listed.clone(),
                condition: match &it.listed {
                    listed if listed.out_of_reach.is_some() => Condition::OutOfReach,
                    listed if listed.draining => Condition::Draining,
                    _ => it.upstream.condition(),
                },
                in_flight: it.upstream.in_flight(),
                served,
                failed,
                last_failure: it.upstream.last_failure(),
            }
        };
        self.current.load().members.iter().map(shown).collect()
    }

    /// Says whether this load balancer is about to go: it still serves, but asks
    /// clients to connect anew and whoever checks it to look elsewhere.
    pub fn set_leaving(&self, leaving: bool) {
        self.leaving.store(leaving, Ordering::Relaxed);
    }

    /// Whether it is about to go.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn current(&self) -> Arc<Group> {
        self.current.load_full()
    }

    pub(super) fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.current.load().terms)
    }
}

impl Group {
    /// What is known of an upstream, if it is where it was.
    fn same(&self, listed: &Listed) -> Option<Arc<Upstream>> {
        let is_same = |it: &&Member| {
            let upstream = &it.upstream;
            (upstream.id, &*upstream.name, &upstream.addresses)
                == (listed.id, listed.name.as_str(), &listed.addresses)
        };
        let known = self.members.iter().find(is_same)?;
        Some(Arc::clone(&known.upstream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(number: u128, port: u16) -> Listed {
        Listed {
            id: Uuid::from_u128(number),
            name: format!("host-{number}"),
            addresses: vec![format!("127.0.0.1:{port}")],
            weight: 1,
            draining: false,
            out_of_reach: None,
        }
    }

    #[test]
    fn only_what_differs_is_news() {
        let balance = Balance::default();
        balance.replace(vec![listed(2, 2), listed(1, 1)], Terms::default());
        balance.replace(vec![listed(1, 1), listed(2, 2)], Terms::default());
        assert_eq!(balance.generation(), 1);
        let terms = Terms {
            retries: 9,
            ..Terms::default()
        };
        balance.replace(vec![listed(1, 1), listed(2, 2)], terms);
        assert_eq!(balance.generation(), 2);
    }

    #[test]
    fn what_is_known_of_an_upstream_stays_until_it_moves() {
        let (balance, terms) = (Balance::default(), Terms::default());
        balance.replace(vec![listed(1, 1), listed(2, 2)], terms.clone());
        for place in [0, 1] {
            let group = balance.current();
            let upstream = group.upstream(place).unwrap();
            (0..3).for_each(|_| upstream.failed("gone", &terms));
        }
        let heavy = Listed {
            weight: 5,
            ..listed(1, 1)
        };
        balance.replace(vec![heavy, listed(2, 3)], terms);
        let conditions: Vec<_> = balance.shown().iter().map(|it| it.condition).collect();
        assert_eq!(conditions, [Condition::Resting, Condition::Up]);
    }

    #[test]
    fn who_drains_or_is_out_of_reach_gets_nothing_new() {
        let balance = Balance::default();
        let draining = Listed {
            draining: true,
            ..listed(1, 1)
        };
        let away = Listed {
            out_of_reach: Some("it listens on loopback alone".to_owned()),
            ..listed(2, 2)
        };
        balance.replace(vec![draining, away, listed(3, 3)], Terms::default());
        let group = balance.current();
        let open: Vec<_> = (0..4).map(|place| group.may_serve(place, true)).collect();
        assert_eq!(open, [false, false, true, false]);
        let conditions: Vec<_> = balance.shown().iter().map(|it| it.condition).collect();
        assert_eq!(
            conditions,
            [Condition::Draining, Condition::OutOfReach, Condition::Up]
        );
    }
}
