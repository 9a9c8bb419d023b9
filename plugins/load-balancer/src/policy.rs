//! Chooses an upstream.

use muster_sdk::load_balancer::Request;

use crate::{
    pool::{Choice, Pool},
    turns::Turns,
};

/// The upstream of a request; none if none may serve it.
pub fn choose(pool: &mut Pool, request: &dyn Request) -> Option<u32> {
    let weights = &pool.weights;
    match &mut pool.choice {
        Choice::RoundRobin(turns) => turns
            .turn(|| request.lot())
            .find(|upstream| request.may_serve(*upstream)),
        Choice::LeastRequests(turns) => least(weights, turns, request),
        Choice::PowerOfTwo(turns) => {
            two(weights, turns, request).or_else(|| least(weights, turns, request))
        }
        Choice::ConsistentHash { ring, header } => {
            let key = header
                .as_deref()
                .and_then(|name| request.header(name))
                .unwrap_or_else(|| request.client_address());
            ring.preferring(key.as_bytes())
                .find(|upstream| request.may_serve(*upstream))
        }
    }
}

/// The one with the fewest requests under way for its weight; among equals, the
/// one whose turn it is.
fn least(weights: &[u32], turns: &mut Turns, request: &dyn Request) -> Option<u32> {
    let mut best: Option<(u32, u64, u64)> = None;
    for upstream in turns.turn(|| request.lot()) {
        if best.is_some_and(|(known, ..)| known == upstream) || !request.may_serve(upstream) {
            continue;
        }
        let busy = u64::from(request.in_flight(upstream));
        let weight = weight(weights, upstream);
        if best.is_none_or(|(_, less, of)| busy * of < less * weight) {
            best = Some((upstream, busy, weight));
            if busy == 0 {
                break;
            }
        }
    }
    best.map(|(upstream, ..)| upstream)
}

/// The less busy of two that were drawn; none if the lots fall on such as may
/// not serve.
fn two(weights: &[u32], turns: &Turns, request: &dyn Request) -> Option<u32> {
    let drawn = || {
        turns
            .drawn(request.lot())
            .filter(|upstream| request.may_serve(*upstream))
    };
    let one = drawn()?;
    // With few upstreams both lots often fall on the same.
    let Some(other) = (0..3).find_map(|_| drawn().filter(|other| *other != one)) else {
        return Some(one);
    };
    let load = |upstream| u64::from(request.in_flight(upstream));
    let less = load(other) * weight(weights, one) < load(one) * weight(weights, other);
    Some(if less { other } else { one })
}

fn weight(weights: &[u32], upstream: u32) -> u64 {
    weights
        .get(upstream as usize)
        .map_or(1, |weight| u64::from(*weight))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use muster_sdk::load_balancer::{HashKey, Policy, Pool as Told, Upstream};

    use super::*;

    /// Upstreams that are well or not, and busy.
    struct Known {
        open: Vec<bool>,
        busy: RefCell<Vec<u32>>,
        lots: Cell<u32>,
        client: &'static str,
        session: Option<&'static str>,
    }

    impl Known {
        fn new(open: &[bool]) -> Self {
            Self {
                open: open.to_vec(),
                busy: RefCell::new(vec![0; open.len()]),
                lots: Cell::new(1),
                client: "192.0.2.1",
                session: None,
            }
        }
    }

    impl Request for Known {
        fn lot(&self) -> u32 {
            // Numbers that look random, the same in every run.
            let next = self
                .lots
                .get()
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            self.lots.set(next);
            next
        }

        fn may_serve(&self, upstream: u32) -> bool {
            self.open[upstream as usize]
        }

        fn in_flight(&self, upstream: u32) -> u32 {
            self.busy.borrow()[upstream as usize]
        }

        fn client_address(&self) -> String {
            self.client.to_owned()
        }

        fn header(&self, name: &str) -> Option<String> {
            self.session
                .filter(|_| name == "x-session")
                .map(str::to_owned)
        }
    }

    fn pool(policy: Policy, weights: &[u32]) -> Pool {
        let upstreams = weights.iter().enumerate().map(|(number, weight)| Upstream {
            id: format!("host-{number}"),
            weight: *weight,
        });
        Pool::new(Told {
            generation: 1,
            policy,
            hash_key: HashKey::Header("x-session".to_owned()),
            upstreams: upstreams.collect(),
        })
        .unwrap()
    }

    const ALL: [Policy; 4] = [
        Policy::RoundRobin,
        Policy::LeastRequests,
        Policy::PowerOfTwo,
        Policy::ConsistentHash,
    ];

    #[test]
    fn only_those_that_may_serve_are_chosen() {
        for policy in ALL {
            let mut pool = pool(policy, &[1, 2, 3]);
            let known = Known::new(&[false, true, false]);
            for _ in 0..50 {
                assert_eq!(choose(&mut pool, &known), Some(1), "{policy:?}");
            }
            let nobody = Known::new(&[false; 3]);
            assert_eq!(choose(&mut pool, &nobody), None, "{policy:?}");
        }
        for policy in ALL {
            assert_eq!(choose(&mut pool(policy, &[]), &Known::new(&[])), None);
        }
    }

    #[test]
    fn round_robin_gives_shares_by_weight() {
        let (mut pool, known) = (pool(Policy::RoundRobin, &[1, 3]), Known::new(&[true; 2]));
        let mut counts = [0; 2];
        for _ in 0..400 {
            counts[choose(&mut pool, &known).unwrap() as usize] += 1;
        }
        assert_eq!(counts, [100, 300]);
    }

    #[test]
    fn the_least_busy_is_chosen() {
        let (mut pool, known) = (
            pool(Policy::LeastRequests, &[1, 1, 4]),
            Known::new(&[true; 3]),
        );
        known.busy.replace(vec![3, 2, 9]);
        assert_eq!(choose(&mut pool, &known), Some(1));
        known.busy.replace(vec![3, 3, 9]);
        assert_eq!(choose(&mut pool, &known), Some(2));
    }

    #[test]
    fn requests_that_last_spread_evenly_over_the_least_busy() {
        let (mut pool, known) = (pool(Policy::LeastRequests, &[1; 4]), Known::new(&[true; 4]));
        for _ in 0..40 {
            let chosen = choose(&mut pool, &known).unwrap();
            known.busy.borrow_mut()[chosen as usize] += 1;
        }
        assert_eq!(*known.busy.borrow(), [10; 4]);
    }

    #[test]
    fn of_two_the_less_busy_serves() {
        let (mut pool, known) = (pool(Policy::PowerOfTwo, &[1; 4]), Known::new(&[true; 4]));
        for _ in 0..400 {
            let chosen = choose(&mut pool, &known).unwrap();
            known.busy.borrow_mut()[chosen as usize] += 1;
        }
        let busy = known.busy.borrow();
        let (most, fewest) = (busy.iter().max().unwrap(), busy.iter().min().unwrap());
        assert!(most - fewest <= 8, "{busy:?}");
    }

    #[test]
    fn a_key_stays_with_its_upstream_and_comes_back_to_it() {
        let mut pool = pool(Policy::ConsistentHash, &[1; 4]);
        let mut known = Known::new(&[true; 4]);
        let by_address = choose(&mut pool, &known).unwrap();
        known.session = Some("a");
        let own = choose(&mut pool, &known).unwrap();
        known.client = "192.0.2.77";
        assert_eq!(choose(&mut pool, &known), Some(own), "the header counts");
        known.open[own as usize] = false;
        let other = choose(&mut pool, &known).unwrap();
        assert_ne!(other, own);
        known.open[own as usize] = true;
        assert_eq!(choose(&mut pool, &known), Some(own));
        known.client = "192.0.2.1";
        known.session = None;
        assert_eq!(choose(&mut pool, &known), Some(by_address));
    }
}
