//! A load balancer: takes turns, or chooses the least busy, or goes by a key.

use std::hash::{DefaultHasher, Hash, Hasher};

use muster_sdk::{
    lifecycle::Condition,
    load_balancer::{HashKey, LoadBalancer, Policy, Pool, Request},
    log,
};

#[derive(Default)]
struct Plugin {
    pool: Option<Pool>,
    /// By how much each upstream is behind its share of turns, by place.
    behind: Vec<i64>,
}

impl LoadBalancer for Plugin {
    fn apply(&mut self, pool: Pool) -> Result<(), String> {
        log::debug("pool", format_args!("at generation {}", pool.generation));
        self.behind = vec![0; pool.upstreams.len()];
        self.pool = Some(pool);
        Ok(())
    }

    fn decide(&mut self, request: &dyn Request) -> Option<u32> {
        let pool = self.pool.as_ref()?;
        let open = || {
            let all = (0..).zip(&pool.upstreams);
            all.filter(|(place, _)| request.may_serve(*place))
        };
        let chosen = match pool.policy {
            Policy::RoundRobin => return take_turns(pool, &mut self.behind, request),
            Policy::LeastRequests | Policy::PowerOfTwo => open().min_by_key(|(place, upstream)| {
                let busy = u64::from(request.in_flight(*place)) + 1;
                (busy << 32) / u64::from(upstream.weight.max(1))
            }),
            Policy::ConsistentHash => {
                let header = match &pool.hash_key {
                    HashKey::Header(name) => request.header(name),
                    HashKey::ClientAddress => None,
                };
                let key = header.unwrap_or_else(|| request.client_address());
                open().max_by_key(|(_, upstream)| score(&key, &upstream.id))
            }
        };
        chosen.map(|(place, _)| place)
    }

    fn health(&self) -> Condition {
        match &self.pool {
            Some(pool) if !pool.upstreams.is_empty() => Condition::Healthy,
            _ => Condition::Degraded("knows no router to send requests to".to_owned()),
        }
    }
}

/// Gives the turn to who is most behind, each getting on by its weight.
fn take_turns(pool: &Pool, behind: &mut [i64], request: &dyn Request) -> Option<u32> {
    let (mut chosen, mut total) = (None, 0);
    for ((place, upstream), behind) in (0..).zip(&pool.upstreams).zip(&mut *behind) {
        if !request.may_serve(place) {
            continue;
        }
        *behind += i64::from(upstream.weight);
        total += i64::from(upstream.weight);
        if chosen.is_none_or(|(_, most)| *behind > most) {
            chosen = Some((place, *behind));
        }
    }
    let (place, _) = chosen?;
    *behind.get_mut(place as usize)? -= total;
    Some(place)
}

/// How well a key and an upstream go together: the best upstream of a key stays
/// so when others come and go.
fn score(key: &str, upstream: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, upstream).hash(&mut hasher);
    hasher.finish()
}

muster_sdk::load_balancer::export!(Plugin);

#[cfg(test)]
mod tests {
    use muster_sdk::{load_balancer::Upstream, testing};

    use super::*;

    fn plugin(policy: Policy, weights: &[u32]) -> Plugin {
        let mut plugin = Plugin::default();
        let upstreams = weights.iter().enumerate().map(|(number, weight)| Upstream {
            id: format!("host-{number}"),
            weight: *weight,
        });
        let pool = Pool {
            generation: 1,
            policy,
            hash_key: HashKey::ClientAddress,
            upstreams: upstreams.collect(),
        };
        assert_eq!(plugin.apply(pool), Ok(()));
        plugin
    }

    #[test]
    fn turns_go_by_weight_among_those_that_may_serve() {
        let mut plugin = plugin(Policy::RoundRobin, &[1, 3, 5]);
        let request = testing::Request::default().without(2);
        let mut counts = [0; 3];
        for _ in 0..400 {
            let place = plugin.decide(&request).expect("two may serve");
            counts[place as usize] += 1;
        }
        assert_eq!(counts, [100, 300, 0]);
    }

    #[test]
    fn the_least_busy_is_chosen() {
        let mut plugin = plugin(Policy::LeastRequests, &[1, 1]);
        let request = testing::Request::default().with_in_flight(0, 3);
        assert_eq!(plugin.decide(&request), Some(1));
    }

    #[test]
    fn a_client_stays_with_its_upstream_and_comes_back_to_it() {
        let mut plugin = plugin(Policy::ConsistentHash, &[1; 4]);
        let request = testing::Request::default();
        let own = plugin.decide(&request).expect("all may serve");
        let other = plugin.decide(&request.clone().without(own));
        assert!(other.is_some_and(|other| other != own));
        assert_eq!(plugin.decide(&request), Some(own));
    }
}
