//! The droplet execution agent role: decides what a host starts and stops.
//!
//! [`decide`] compares what should run with what does; [`backoff`] remembers
//! crashes.

use muster_sdk::dea::{Dea, Decisions, Snapshot};

use crate::backoff::Crashes;

pub mod backoff;
pub mod decide;

#[derive(Default)]
struct Agent {
    crashes: Crashes,
}

impl Dea for Agent {
    fn decide(&mut self, snapshot: Snapshot) -> Decisions {
        decide::decide(&snapshot, &mut self.crashes)
    }
}

muster_sdk::dea::export!(
    Agent,
    name: "dea",
    summary: "Decides which instances this host starts and stops",
    imports: ["muster:workloads/workloads@0.1.0"],
);
