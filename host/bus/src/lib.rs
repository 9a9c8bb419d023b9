//! The bus: what hosts that share a state tell each other, and what carries durable
//! work to whoever does it.
//!
//! The state says what is to be done; the bus only ever says that it is time. So it
//! carries no more than names, and whatever it loses is found in the state later.
//! A [`Bus`] is in process, where nothing has to be carried because whoever does the
//! work is here, or [NATS](https://nats.io) with JetStream, on one server or several.
//!
//! | file | what it says |
//! | --- | --- |
//! | `url` | where the servers are, and how to be let in |
//! | `connection` | the connection, which is looked for until it is there |
//! | `channel` | what those say to each other who share a state |
//! | `stream` | the stream in which work waits on the servers |

mod channel;
mod connection;
mod stream;
mod url;

pub use self::{
    channel::{Channel, Hint, Hints},
    connection::{Bus, Connected},
    stream::{Deliveries, Delivery},
    url::{BusUrl, BusUrlError},
};

/// Why something was not carried. It is in the state still.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bus is away: {0}")]
pub struct Away(pub(crate) String);
