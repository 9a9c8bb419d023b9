//! The data path. Takes requests, asks the router plugin where they go, hands
//! them to instances and writes down what became of them.
//!
//! One thread per core, each with its own runtime, its own listener on the
//! shared port and its own instance of the router plugin: a request stays on
//! one thread from its first byte to its last. The only things shared are the
//! tables, swapped whole, and counters.

mod access;
mod backends;
mod cache;
mod deadline;
mod decider;
mod host_name;
mod lingering;
mod listener;
mod reply;
mod router_slot;
mod service;
mod table;

pub use access::{Access, AccessSink};
pub use backends::{Backend, Backends, Placement};
pub use listener::{Ingress, IngressOptions};
pub use router_slot::{Backoff, RouterFailure, RouterMaker, RouterSlot};
pub use table::RouteTable;
