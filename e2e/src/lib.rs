//! What the tests of the whole system share: hosts that are the real binary on
//! loopback ports or in networks of their own, a client of their API, and the
//! guests to push.

mod balancing;
mod client;
mod clock;
pub mod console;
mod disk;
mod eventually;
mod gate;
mod guests;
mod host;
mod links;
mod load;
mod logs;
mod network;
mod plugins;
mod raw;
mod refusal;
pub mod releases;
mod serve;
pub mod servers;
pub mod sign_in;
pub mod simulated;
mod trouble;

pub use balancing::{Edge, balanced_group, tls_client};
pub use client::{Client, files, push_of};
pub use clock::Clock;
pub use disk::Disk;
pub use eventually::{eventually, eventually_within};
pub use gate::Gate;
pub use guests::{
    cargo_in, greeting, guest, guest_cargo_in, guest_path, hello_version, kept, workspace,
};
pub use host::{Host, HostOptions, PASSWORD, Place, free_address, muster_binary};
pub use links::{host_with_peers, named_host};
pub use load::{Answers, Load};
pub use logs::logged;
pub use network::Network;
pub use plugins::marked;
pub use raw::{RawAnswer, raw};
pub use refusal::{Case, assert_remedy, everything, only_field, refuse, refuse_all, refused};
pub use serve::{Refusal, refuse_to_serve};
pub use trouble::{Failure, beside, host_with_neighbour, push_limited, push_with, unharmed};
