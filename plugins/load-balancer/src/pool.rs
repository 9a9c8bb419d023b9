//! What there is to choose from, prepared for its policy.

use muster_sdk::load_balancer::{HashKey, Policy, Pool as Told};

use crate::{ring::Ring, turns::Turns};

/// The greatest weight of an upstream: greater ones would only make longer lists.
pub const MOST_WEIGHT: u32 = 1_000;

/// Why a pool was refused. The one before stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A weight is out of bounds.
    #[error("the weight of {id} is {weight}; it must be from 1 to {MOST_WEIGHT}")]
    Weight {
        /// The upstream's id.
        id: String,
        /// Its weight.
        weight: u32,
    },
}

/// Upstreams, and how one of them is chosen.
#[derive(Debug, Default)]
pub struct Pool {
    /// The weights, by place.
    pub weights: Vec<u32>,
    /// How one is chosen.
    pub choice: Choice,
}

/// How an upstream is chosen, with what that takes.
#[derive(Debug)]
pub enum Choice {
    /// One after the other.
    RoundRobin(Turns),
    /// The least busy; the turns settle who is first among equals.
    LeastRequests(Turns),
    /// The less busy of two.
    PowerOfTwo(Turns),
    /// By a key.
    ConsistentHash {
        /// Which upstream a key belongs to.
        ring: Ring,
        /// The header that is the key, unless it is the client's address.
        header: Option<String>,
    },
}

impl Default for Choice {
    fn default() -> Self {
        Self::RoundRobin(Turns::default())
    }
}

impl Pool {
    /// Prepares what the host has told.
    ///
    /// # Errors
    /// If a weight makes no sense.
    pub fn new(told: Told) -> Result<Self, Refusal> {
        let odd = |weight: u32| weight == 0 || weight > MOST_WEIGHT;
        if let Some(upstream) = told.upstreams.iter().find(|it| odd(it.weight)) {
            return Err(Refusal::Weight {
                id: upstream.id.clone(),
                weight: upstream.weight,
            });
        }
        let weights: Vec<u32> = told.upstreams.iter().map(|it| it.weight).collect();
        let choice = match told.policy {
            Policy::RoundRobin => Choice::RoundRobin(Turns::new(&weights)),
            Policy::LeastRequests => Choice::LeastRequests(Turns::new(&weights)),
            Policy::PowerOfTwo => Choice::PowerOfTwo(Turns::new(&weights)),
            Policy::ConsistentHash => Choice::ConsistentHash {
                ring: Ring::new(told.upstreams.iter().map(|it| (it.id.as_str(), it.weight))),
                header: match told.hash_key {
                    HashKey::ClientAddress => None,
                    HashKey::Header(name) => Some(name),
                },
            },
        };
        Ok(Self { weights, choice })
    }

    /// Whether there is nothing to choose from.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use muster_sdk::load_balancer::Upstream;

    use super::*;

    #[test]
    fn weights_that_make_no_sense_are_refused() {
        for (weight, good) in [
            (0, false),
            (1, true),
            (MOST_WEIGHT, true),
            (MOST_WEIGHT + 1, false),
        ] {
            let told = Told {
                generation: 1,
                policy: Policy::RoundRobin,
                hash_key: HashKey::ClientAddress,
                upstreams: vec![Upstream {
                    id: "a".to_owned(),
                    weight,
                }],
            };
            assert_eq!(Pool::new(told).is_ok(), good, "{weight}");
        }
    }
}
