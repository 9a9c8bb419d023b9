//! The droplet execution agent role: decides what a host starts and stops.
//!
//! [`decide`] compares what should run with what does; [`backoff`] remembers
//! crashes. Neither knows the host; this file is all that does.

use std::cell::RefCell;

use muster_sdk::{
    Manifest,
    dea::{
        role::{self, Decisions},
        workloads::Snapshot,
    },
};

use crate::backoff::Crashes;

pub mod backoff;
pub mod decide;

const MANIFEST: Manifest = muster_sdk::manifest! {
    name: "dea",
    role: "dea",
    world: "muster:dea/dea-plugin@0.1.0",
    summary: "Decides which instances this host starts and stops",
    imports: ["muster:workloads/workloads@0.1.0"],
};

thread_local! {
    static CRASHES: RefCell<Crashes> = RefCell::default();
}

struct Plugin;

impl role::Guest for Plugin {
    fn decide(snapshot: Snapshot) -> Decisions {
        CRASHES.with_borrow_mut(|crashes| decide::decide(&snapshot, crashes))
    }
}

muster_sdk::plain_lifecycle!(Plugin, MANIFEST);
muster_sdk::dea::export!(Plugin);
