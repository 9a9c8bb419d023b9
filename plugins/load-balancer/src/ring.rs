//! Which upstream a key belongs to: the next one on a ring on which each has
//! many places. An upstream that comes or goes moves only the keys that it gets
//! or had; load balancers that know the same upstreams agree.

/// How many places an upstream has for each unit of weight, as long as weights
/// are small.
const PLACES: u32 = 160;
/// How many places all upstreams have together, about.
const MOST_PLACES: u64 = 1 << 18;

/// The ring.
#[derive(Debug, Default)]
pub struct Ring {
    /// Points on the ring, ascending, each with the upstream there.
    points: Vec<(u64, u32)>,
    upstreams: usize,
}

impl Ring {
    /// The ring of these upstreams: id and weight.
    #[must_use]
    pub fn new<'a>(upstreams: impl Iterator<Item = (&'a str, u32)> + Clone) -> Self {
        let total: u64 = upstreams.clone().map(|(_, weight)| u64::from(weight)).sum();
        // The same for every upstream, or their shares would not follow weights.
        let most = MOST_PLACES.checked_div(total).unwrap_or_default();
        let places = u64::from(PLACES).min(most.max(1));
        let mut points = Vec::new();
        let mut count = 0;
        for ((id, weight), place) in upstreams.zip(0..) {
            count += 1;
            let seed = hash(id.as_bytes());
            points.extend(
                (0..places * u64::from(weight)).map(|number| (mixed(seed ^ mixed(number)), place)),
            );
        }
        points.sort_unstable();
        Self {
            points,
            upstreams: count,
        }
    }

    /// The upstreams in the order in which a key prefers them: its own, and who
    /// takes its place when that may not serve.
    pub fn preferring(&self, key: &[u8]) -> impl Iterator<Item = u32> {
        let at = mixed(hash(key));
        let first = self.points.partition_point(|(point, _)| *point < at);
        let mut seen = vec![false; self.upstreams];
        let (before, after) = self.points.split_at(first);
        let all = after.iter().chain(before).map(|(_, upstream)| *upstream);
        all.filter(move |upstream| {
            let known = seen.get_mut(*upstream as usize);
            known.is_some_and(|known| !std::mem::replace(known, true))
        })
    }
}

/// FNV-1a: short, and the same on every host and in every version.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spreads what differs in a few bits over the whole ring (the finaliser of
/// SplitMix64).
fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ring(ids: &[String]) -> Ring {
        Ring::new(ids.iter().map(|id| (id.as_str(), 1)))
    }

    fn owner<'a>(ring: &Ring, ids: &'a [String], key: u32) -> &'a str {
        let place = ring.preferring(&key.to_be_bytes()).next().unwrap();
        &ids[place as usize]
    }

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("host-{number}")).collect()
    }

    #[test]
    fn shares_follow_the_weights() {
        let ring = Ring::new([("a", 1), ("b", 3)].into_iter());
        let of_a = (0..40_000_u32)
            .filter(|key| ring.preferring(&key.to_be_bytes()).next() == Some(0))
            .count();
        assert!((8_000..12_000).contains(&of_a), "{of_a}");
    }

    #[test]
    fn keys_spread_evenly() {
        let ids = ids(5);
        let ring = ring(&ids);
        let mut counts = [0; 5];
        for key in 0..50_000_u32 {
            counts[ring.preferring(&key.to_be_bytes()).next().unwrap() as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (7_500..12_500).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn nothing_is_preferred_on_an_empty_ring() {
        assert_eq!(Ring::default().preferring(b"key").next(), None);
        assert_eq!(ring(&[]).preferring(b"key").next(), None);
    }

    proptest! {
        /// A key names every upstream once.
        #[test]
        fn every_upstream_is_named_once(count in 1usize..10, key: Vec<u8>) {
            let mut named: Vec<u32> = ring(&ids(count)).preferring(&key).collect();
            named.sort_unstable();
            prop_assert_eq!(named, (0..u32::try_from(count).unwrap()).collect::<Vec<_>>());
        }

        /// An upstream that goes takes no other's keys with it: they go to who
        /// was next in line, and all other keys stay where they are. The order
        /// in which upstreams are listed means nothing.
        #[test]
        fn only_the_keys_of_the_gone_move(count in 2usize..10, gone: prop::sample::Index, keys in prop::collection::vec(any::<u32>(), 50)) {
            let all = ids(count);
            let gone = gone.index(count);
            let mut left = all.clone();
            left.remove(gone);
            left.reverse();
            let (before, after) = (ring(&all), ring(&left));
            for key in keys {
                let was = owner(&before, &all, key);
                let is = owner(&after, &left, key);
                if was == all[gone] {
                    let next = before.preferring(&key.to_be_bytes()).nth(1).unwrap();
                    prop_assert_eq!(is, all[next as usize].as_str());
                } else {
                    prop_assert_eq!(is, was);
                }
            }
        }
    }
}
