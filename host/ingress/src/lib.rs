//! The data path. Takes requests, asks the router plugin where they go, hands
//! them to instances and writes down what became of them.
//!
//! One thread per core, each with its own runtime, its own listener on the
//! shared port and its own instance of the router plugin: a request stays on
//! one thread from its first byte to its last. The only things shared are the
//! tables, swapped whole, and counters.
//!
//! An instance may be on another host of the group: [`relay`] says what goes
//! between hosts, [`connection`] over what, [`pool`] keeps a worker's connections,
//! [`peer`] what is known of each host, and [`door`] takes in what other hosts
//! send here, over HTTP/2 by way of [`streams`].
//!
//! Before the routers may be a load balancer: [`balance`] is its data path.

mod access;
mod backends;
pub mod balance;
mod cache;
mod connection;
mod deadline;
mod decider;
mod deliver;
mod door;
mod fronts;
mod health;
mod host_name;
mod lingering;
mod listener;
mod peer;
mod pool;
mod relay;
mod reply;
mod service;
mod slot;
mod streams;
mod table;

pub use access::{Access, AccessSink};
pub use backends::{Backend, Backends, Place, Placement};
pub use door::{APPS_ALPN, Admission, Admit, Arrival, Door};
pub use fronts::Fronts;
pub use listener::{Ingress, IngressOptions};
pub use peer::Peer;
pub use slot::{
    Backoff, BalancerMaker, BalancerSlot, Maker, PluginFailure, RouterMaker, RouterSlot, Slot,
};
pub use table::RouteTable;
