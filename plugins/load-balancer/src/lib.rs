//! The load balancer role: decides which upstream serves a request.
//!
//! [`pool`] holds what there is to choose from, [`policy`] chooses, [`ring`] and
//! [`turns`] are what it chooses by.

use muster_sdk::{
    lifecycle::Condition,
    load_balancer::{self, Pool as Told, Request},
    log,
};

use crate::pool::Pool;

pub mod policy;
pub mod pool;
pub mod ring;
pub mod turns;

#[derive(Default)]
struct LoadBalancer {
    pool: Pool,
}

impl load_balancer::LoadBalancer for LoadBalancer {
    fn apply(&mut self, told: Told) -> Result<(), String> {
        let generation = told.generation;
        match Pool::new(told) {
            Ok(pool) => {
                self.pool = pool;
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

    fn decide(&mut self, request: &dyn Request) -> Option<u32> {
        policy::choose(&mut self.pool, request)
    }

    fn health(&self) -> Condition {
        if self.pool.is_empty() {
            Condition::Degraded(
                "knows no router to send requests to, so every request gets 503".to_owned(),
            )
        } else {
            Condition::Healthy
        }
    }
}

muster_sdk::load_balancer::export!(
    LoadBalancer,
    name: "load-balancer",
    summary: "Decides which router serves a request",
);
