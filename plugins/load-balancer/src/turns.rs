//! In which order upstreams have their turn: as often as their weights say, and
//! spread out, so that a heavy one does not get its share in one go.

/// The order, and where in it we are.
#[derive(Debug, Default)]
pub struct Turns {
    order: Vec<u32>,
    next: usize,
    begun: bool,
}

impl Turns {
    /// The order of upstreams with these weights.
    #[must_use]
    pub fn new(weights: &[u32]) -> Self {
        let common = weights.iter().copied().fold(0, gcd).max(1);
        let weights: Vec<i64> = weights.iter().map(|it| i64::from(it / common)).collect();
        let total: i64 = weights.iter().sum();
        let mut credit = vec![0; weights.len()];
        let mut order = Vec::new();
        for _ in 0..total {
            for (credit, weight) in credit.iter_mut().zip(&weights) {
                *credit += weight;
            }
            // The first of those that wait longest for their share.
            let Some(first) = (0..credit.len()).rev().max_by_key(|place| credit[*place]) else {
                break;
            };
            credit[first] -= total;
            order.extend(u32::try_from(first));
        }
        Self {
            order,
            next: 0,
            begun: false,
        }
    }

    /// All turns from the next one on, which is then over. Load balancers and
    /// workers begin anywhere, so that they do not go in step: `lot` says where.
    pub fn turn(&mut self, lot: impl FnOnce() -> u32) -> impl Iterator<Item = u32> + Clone {
        let length = self.order.len();
        if !self.begun && length > 0 {
            self.next = lot() as usize % length;
            self.begun = true;
        }
        let first = self.next;
        self.next = if first + 1 >= length { 0 } else { first + 1 };
        self.order[first.min(length)..]
            .iter()
            .chain(&self.order[..first.min(length)])
            .copied()
    }

    /// The upstream that a lot falls on, each with the chance of its weight.
    #[must_use]
    pub fn drawn(&self, lot: u32) -> Option<u32> {
        // Below the length, since a lot is below 2^32.
        let place = (u64::from(lot) * self.order.len() as u64) >> 32;
        self.order.get(usize::try_from(place).ok()?).copied()
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(weights: &[u32]) -> Vec<u32> {
        Turns::new(weights).turn(|| 0).collect()
    }

    #[test]
    fn turns_are_spread_out() {
        assert_eq!(order(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(order(&[10, 10]), [0, 1]);
        assert_eq!(order(&[5, 1, 1]), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(order(&[]), []);
    }

    #[test]
    fn each_turn_begins_one_further() {
        let mut turns = Turns::new(&[1, 1, 1]);
        let firsts: Vec<_> = (0..4).map(|_| turns.turn(|| 4).next().unwrap()).collect();
        assert_eq!(firsts, [1, 2, 0, 1]);
    }

    proptest! {
        /// Every upstream has as many turns as its weight says, in proportion.
        #[test]
        fn turns_follow_the_weights(weights in prop::collection::vec(1u32..20, 1..8)) {
            let order = order(&weights);
            let common = weights.iter().copied().fold(0, gcd);
            for (place, weight) in weights.iter().enumerate() {
                let turns = order.iter().filter(|it| **it as usize == place).count();
                prop_assert_eq!(turns, (weight / common) as usize);
            }
        }

        /// Whatever the lot, it falls on somebody.
        #[test]
        fn every_lot_falls_on_an_upstream(weights in prop::collection::vec(1u32..20, 1..8), lot: u32) {
            let drawn = Turns::new(&weights).drawn(lot).unwrap();
            prop_assert!((drawn as usize) < weights.len());
        }
    }
}
