//! The data path of a load balancer: takes requests, asks the load balancer
//! plugin which upstream serves each, and passes them on.
//!
//! | file | what |
//! | --- | --- |
//! | `terms` | what an operator has settled |
//! | `upstream` | one router as all workers see it: busy, well, resting |
//! | `group` | all of them with the terms, swapped as one |
//! | `chooser` | a worker's instance of the plugin, kept at the group's generation |
//! | `checks` | asks upstreams how they are |
//! | `listener` | the workers |
//! | `pass` | one request from its head to its response |
//! | `client` | who is at the other end, and what is said of it |
//! | `proxy_protocol` | the PROXY protocol, both ways |
//! | `rewound` | a connection of which something was read already |
//! | `certificates` | which certificate a name gets |
//!
//! As in the rest of the data path, a request stays on one thread, and bodies
//! never enter the plugin.

mod certificates;
mod checks;
mod chooser;
mod client;
mod group;
mod listener;
mod pass;
mod proxy_protocol;
mod rewound;
mod terms;
mod upstream;

pub use certificates::{Certificates, Unusable, Usable};
pub use checks::keep_checking;
pub(crate) use client::{Client, announced};
pub use group::{Balance, Listed, Shown};
pub use listener::{Balancer, BalancerOptions};
pub use proxy_protocol::Version as ProxyVersion;
pub use terms::{Check, Terms};
pub use upstream::{Condition, LastFailure};
