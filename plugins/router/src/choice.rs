//! Chooses among targets by weight and among instances evenly.

use crate::table::Target;

/// The targets that can serve: a weight above zero and an instance.
pub fn live(targets: &[Target]) -> impl Iterator<Item = &Target> + Clone {
    targets
        .iter()
        .filter(|target| target.weight > 0 && !target.pool.instances.is_empty())
}

/// The target that a lot falls on, each with the chance of its weight. None
/// if there is none.
pub fn by_weight<'a>(
    targets: impl Iterator<Item = &'a Target> + Clone,
    lot: u32,
) -> Option<&'a Target> {
    let total: u64 = targets.clone().map(|target| u64::from(target.weight)).sum();
    let mut place = scaled(lot, total);
    for target in targets {
        let weight = u64::from(target.weight);
        if place < weight {
            return Some(target);
        }
        place -= weight;
    }
    None
}

/// The instance of a target that a lot falls on, each with the same chance.
/// None if there is none.
#[must_use]
pub fn evenly(target: &Target, lot: u32) -> Option<&str> {
    let instances = &target.pool.instances;
    let at = usize::try_from(scaled(mixed(lot), instances.len() as u64)).ok()?;
    instances.get(at).map(|instance| &**instance)
}

/// Maps a lot to a number below `size`.
fn scaled(lot: u32, size: u64) -> u64 {
    // Below 2^32 x 2^64, and the quotient below `size`.
    ((u128::from(lot) * u128::from(size)) >> 32) as u64
}

/// A second lot from the first, so that the choice of an instance does not
/// follow from the choice of its target.
fn mixed(lot: u32) -> u32 {
    let lot = (lot ^ (lot >> 16)).wrapping_mul(0x85eb_ca6b);
    let lot = (lot ^ (lot >> 13)).wrapping_mul(0xc2b2_ae35);
    lot ^ (lot >> 16)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, rc::Rc};

    use super::*;
    use crate::table::Pool;

    fn target(app: &str, weight: u32, instances: &[&str]) -> Target {
        let instances = instances.iter().map(|id| Box::from(*id)).collect();
        Target {
            pool: Rc::new(Pool {
                app: app.into(),
                instances,
            }),
            weight,
        }
    }

    /// Lots spread evenly over all there are.
    fn lots() -> impl Iterator<Item = u32> {
        (0..10_000_u32).map(|step| step * (u32::MAX / 10_000))
    }

    #[test]
    fn shares_follow_the_weights() {
        let targets = [
            target("a", 1, &["1"]),
            target("b", 3, &["2"]),
            target("none", 0, &["3"]),
        ];
        let mut shares: BTreeMap<&str, u32> = BTreeMap::new();
        for lot in lots() {
            *shares
                .entry(&by_weight(live(&targets), lot).unwrap().pool.app)
                .or_default() += 1;
        }
        assert_eq!(shares, BTreeMap::from([("a", 2501), ("b", 7499)]));
    }

    #[test]
    fn the_greatest_lot_and_weights_still_fall_on_a_target() {
        let targets = [target("a", u32::MAX, &["1"]), target("b", u32::MAX, &["2"])];
        assert_eq!(&*by_weight(live(&targets), u32::MAX).unwrap().pool.app, "b");
        assert_eq!(evenly(&targets[0], u32::MAX), Some("1"));
    }

    #[test]
    fn instances_get_even_shares_whichever_target_was_chosen() {
        let targets = [target("a", 1, &["a1", "a2"]), target("b", 1, &["b1", "b2"])];
        let mut shares: BTreeMap<&str, u32> = BTreeMap::new();
        for lot in lots() {
            let chosen = by_weight(live(&targets), lot).unwrap();
            *shares.entry(evenly(chosen, lot).unwrap()).or_default() += 1;
        }
        assert_eq!(shares.len(), 4);
        assert!(
            shares.values().all(|share| (2300..2700).contains(share)),
            "{shares:?}"
        );
    }

    #[test]
    fn nothing_is_chosen_from_nothing() {
        let dead = [target("a", 5, &[]), target("b", 0, &["1"])];
        assert!(by_weight(live(&dead), 7).is_none());
        assert_eq!(evenly(&dead[0], 7), None);
    }
}
