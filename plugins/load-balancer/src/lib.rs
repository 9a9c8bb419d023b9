//! The load balancer role: decides which upstream serves a request.
//!
//! [`pool`] holds what there is to choose from, [`policy`] chooses, [`ring`] and
//! [`turns`] are what it chooses by. None of them knows the host; this file is
//! all that does.

use std::cell::RefCell;

use muster_sdk::{
    Manifest,
    lifecycle::{self, Condition, Description},
    load_balancer::{
        Request,
        role::{self, Pool as Told},
    },
    log,
};

use crate::pool::Pool;

pub mod policy;
pub mod pool;
pub mod ring;
pub mod turns;

const MANIFEST: Manifest = muster_sdk::manifest! {
    name: "load-balancer",
    role: "load-balancer",
    world: "muster:load-balancer/load-balancer-plugin@0.1.0",
    summary: "Decides which router serves a request",
    imports: ["wasi:logging/logging@0.1.0-draft", "muster:load-balancer/requests@0.1.0"],
};

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

struct Plugin;

impl lifecycle::Guest for Plugin {
    fn describe() -> Description {
        MANIFEST.description()
    }

    fn start() -> Result<(), lifecycle::Error> {
        Ok(())
    }

    fn reconcile() -> Result<(), lifecycle::Error> {
        Ok(())
    }

    fn stop() {
        POOL.take();
    }

    fn health() -> Condition {
        if POOL.with_borrow(Pool::is_empty) {
            Condition::Degraded(
                "knows no router to send requests to, so every request gets 503".to_owned(),
            )
        } else {
            Condition::Healthy
        }
    }
}

impl role::Guest for Plugin {
    fn apply(told: Told) -> Result<(), String> {
        let generation = told.generation;
        match Pool::new(told) {
            Ok(pool) => {
                POOL.replace(pool);
                log::debug("pool", format_args!("at generation {generation}"));
                Ok(())
            }
            Err(error) => {
                log::warn(
                    "pool",
                    format_args!("generation {generation} refused: {error}"),
                );
                Err(error.to_string())
            }
        }
    }

    fn decide(request: &Request) -> Option<u32> {
        POOL.with_borrow_mut(|pool| policy::choose(pool, &Live(request)))
    }
}

/// The request that needs an upstream, as the host lends it.
struct Live<'a>(&'a Request);

impl policy::Request for Live<'_> {
    fn lot(&self) -> u32 {
        self.0.lot()
    }

    fn may_serve(&self, upstream: u32) -> bool {
        self.0.may_serve(upstream)
    }

    fn in_flight(&self, upstream: u32) -> u32 {
        self.0.in_flight(upstream)
    }

    fn client_address(&self) -> String {
        self.0.client_address()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.0.header(name)
    }
}

muster_sdk::load_balancer::export!(Plugin);
