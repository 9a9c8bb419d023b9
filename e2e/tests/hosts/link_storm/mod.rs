//! Hosts are linked and parted, killed and moved while their network fails, and
//! apps are pushed, scaled and deleted on them, in an order made up by chance.
//! However it went: once the network is whole, all of them agree on who belongs
//! to whom and on what runs where; nothing that was promised is lost, nothing is
//! left of what did not work out, and everybody can be parted and linked anew.
//!
//! It is the same chance in every run, so that a change is judged by itself;
//! `MUSTER_E2E_SEED` begins with another number, or repeats one as far as that is
//! possible, and `MUSTER_E2E_ROUNDS` says how many there are.

mod agreement;
mod ledger;
mod operations;
mod workloads;
mod world;

use std::str::FromStr;

use operations::Operation;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use world::World;

/// The number of the first sequence unless told.
const SEED: u64 = 1;
/// How many sequences there are unless told.
const ROUNDS: u64 = 2;
/// How many operations a sequence has.
const STEPS: u32 = 40;

fn from_environment<T: FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test]
async fn whatever_happens_hosts_agree_in_the_end() {
    let first = from_environment("MUSTER_E2E_SEED").unwrap_or(SEED);
    let rounds = from_environment("MUSTER_E2E_ROUNDS").unwrap_or(ROUNDS);
    for round in 0..rounds {
        let seed = u64::wrapping_add(first, round);
        println!("sequence {round}: MUSTER_E2E_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let hosts = rng.random_range(3..=4);
        let Some(mut world) = World::start(hosts).await else {
            return;
        };
        // Two who both move while they are apart can never find each other.
        let mover = rng.random_range(0..hosts);
        if rng.random() {
            operations::group(&mut world).await;
        }
        for step in 0..STEPS {
            let operation = Operation::pick(&mut rng, hosts, mover);
            print!("{step:>3} {operation:?}");
            let outcome = operation.carry_out(&mut world).await;
            println!(": {outcome}");
        }
        println!("    the network is whole again");
        world.calm().await;
        agreement::reach(&world).await;
        println!("    they agree");
        for failure in workloads::failures(&world).await {
            println!("    failed: {failure}");
        }
        world.clear().await;
        agreement::reach(&world).await;
        world.part().await;
        agreement::reach(&world).await;
    }
}
