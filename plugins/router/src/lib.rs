//! The router role: holds the route table and decides where requests go.
//!
//! [`table`] finds the route of a request, [`decide`] what the route does with
//! it; [`choice`] and [`sticky`] are parts of that.

use muster_sdk::{
    lifecycle::Condition,
    log,
    router::{self, Decision, Head, TableUpdate},
};

use crate::table::Table;

pub mod choice;
pub mod decide;
pub mod sticky;
pub mod table;

#[derive(Default)]
struct Router {
    table: Table,
}

impl router::Router for Router {
    fn apply(&mut self, update: TableUpdate) -> Result<(), String> {
        let generation = update.generation;
        let applied = self.table.apply(update);
        match &applied {
            Ok(()) => log::debug("table", format_args!("at generation {generation}")),
            Err(error) => log::warn(
                "table",
                format_args!("generation {generation} refused: {error}"),
            ),
        }
        applied.map_err(|error| error.to_string())
    }

    fn decide(&mut self, host: &str, path: &str, head: &dyn Head) -> Decision {
        decide::decide(&self.table, host, path, head)
    }

    fn health(&self) -> Condition {
        match self.table.generation() {
            Some(_) => Condition::Healthy,
            None => {
                Condition::Degraded("has no route table yet, so every request gets 404".to_owned())
            }
        }
    }
}

muster_sdk::router::export!(
    Router,
    name: "router",
    summary: "Decides which app serves a request",
);

#[cfg(test)]
mod tests {
    use muster_sdk::{router::Router as _, testing};

    use super::*;

    #[test]
    fn a_refused_table_is_logged_and_an_accepted_one_makes_it_well() {
        let mut router = Router::default();
        assert!(matches!(router.health(), Condition::Degraded(_)));
        let mut update = TableUpdate {
            generation: 1,
            full: false,
            upserts: vec![],
            removals: vec![],
        };
        assert!(router.apply(update.clone()).is_err());
        let logged = testing::logged();
        assert!(
            logged[0].message.contains("generation 1 refused"),
            "{logged:?}"
        );
        update.full = true;
        assert_eq!(router.apply(update), Ok(()));
        assert_eq!(router.health(), Condition::Healthy);
    }
}
