//! Apps and the plugins that stage, run and route to them, well-behaved or not.

mod failing_guests;
mod foreign;
mod limits;
mod metrics;
mod outgoing;
mod plugins;
mod push_under_load;
mod replacing_plugins;
mod routing;
mod site;
mod sizes;
mod stagers;
mod staging;
