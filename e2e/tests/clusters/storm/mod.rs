//! A cluster of three control-plane hosts and three workers on a database with a
//! standby, to which things happen in an order made up by chance: hosts and database
//! are killed, stopped in their tracks and cut off, while changes are asked for at
//! every control-plane host and an app is asked all the time. However it went: what
//! was acknowledged is there, what was refused is not, and once all is whole again
//! the hosts agree by themselves on who leads and on what runs where.
//!
//! It is the same chance in every run, so that a change is judged by itself;
//! `MUSTER_E2E_SEED` begins with another number, and `MUSTER_E2E_ROUNDS` says how
//! many sequences there are.

mod agreement;
mod ledger;
mod operations;
mod world;

use std::str::FromStr;

use operations::Operation;
use rand::{SeedableRng, rngs::StdRng};
use world::World;

/// The number of the first sequence unless told.
const SEED: u64 = 1;
/// How many sequences there are unless told.
const ROUNDS: u64 = 2;
/// How many operations a sequence has.
const STEPS: u32 = 30;
/// After how many sequences there is another cluster: a database fails over once.
const LIFE: u64 = 5;

fn from_environment<T: FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_nothing_acknowledged_is_lost_and_all_agree_in_the_end() {
    let first = from_environment("MUSTER_E2E_SEED").unwrap_or(SEED);
    let rounds = from_environment("MUSTER_E2E_ROUNDS").unwrap_or(ROUNDS);
    let mut known = None;
    for round in 0..rounds {
        if round % LIFE == 0 {
            // The one before ends first.
            drop(known.take());
        }
        let mut world = match known.take() {
            Some(world) => world,
            None => match World::start().await {
                Some(world) => world,
                None => return,
            },
        };
        let seed = u64::wrapping_add(first, round);
        println!("sequence {round}: MUSTER_E2E_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        world.log_in().await;
        let load = world.load();
        for step in 0..STEPS {
            let operation = Operation::pick(&mut rng);
            let outcome = operation.carry_out(&mut world).await;
            println!("{step:>3} {operation:?}: {outcome}");
        }
        world.calm().await;
        println!("    all is whole again");
        let took = agreement::reach(&world).await;
        let answers = load.end().await;
        let good: u64 = answers.good.values().sum();
        println!(
            "    they agree after {took:.1?}; {}; of {} requests {} failed",
            world.ledger,
            good + answers.failed.len() as u64,
            answers.failed.len()
        );
        for failed in answers.failed.iter().take(5) {
            println!("    failed: {failed}");
        }
        known = Some(world);
    }
}
