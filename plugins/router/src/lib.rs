//! The router role: holds the route table and decides where requests go.
//!
//! [`table`] finds the route of a request, [`decide`] what the route does with
//! it; [`choice`], [`sticky`] and [`redirect`] are parts of that. None of them
//! knows the host; this file is all that does.

use std::cell::RefCell;

use muster_sdk::{
    Manifest,
    lifecycle::{self, Condition, Description},
    log,
    router::{
        Head,
        role::{self, Decision, TableUpdate},
    },
};

use crate::table::Table;

pub mod choice;
pub mod decide;
pub mod redirect;
pub mod sticky;
pub mod table;

const MANIFEST: Manifest = muster_sdk::manifest! {
    name: "router",
    role: "router",
    world: "muster:router/router-plugin@0.1.0",
    summary: "Decides which app serves a request",
    imports: ["wasi:logging/logging@0.1.0-draft", "muster:router/heads@0.1.0"],
};

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
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
        TABLE.take();
    }

    fn health() -> Condition {
        match TABLE.with_borrow(Table::generation) {
            Some(_) => Condition::Healthy,
            None => {
                Condition::Degraded("has no route table yet, so every request gets 404".to_owned())
            }
        }
    }
}

impl role::Guest for Plugin {
    fn apply(update: TableUpdate) -> Result<(), String> {
        let generation = update.generation;
        let applied = TABLE.with_borrow_mut(|table| table.apply(update));
        match &applied {
            Ok(()) => log::debug("table", format_args!("at generation {generation}")),
            Err(error) => log::warn(
                "table",
                format_args!("generation {generation} refused: {error}"),
            ),
        }
        applied.map_err(|error| error.to_string())
    }

    fn decide(host: String, path: String, head: &Head) -> Decision {
        TABLE.with_borrow(|table| decide::decide(table, &host, &path, &Live(head)))
    }
}

/// The head of the request that is being decided on, as the host lends it.
struct Live<'a>(&'a Head);

impl decide::Head for Live<'_> {
    fn cookie(&self, name: &str) -> Option<String> {
        self.0.cookie(name)
    }

    fn query(&self) -> Option<String> {
        self.0.query()
    }

    fn lot(&self) -> u32 {
        self.0.lot()
    }
}

muster_sdk::router::export!(Plugin);
