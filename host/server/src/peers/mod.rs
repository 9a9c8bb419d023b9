//! How hosts talk to each other: HTTP over mutual TLS on a port of its own. What
//! is said is in [`words`]; who may say it, and what it means, is the business
//! of `control/linking`.

pub(crate) mod api;
pub(crate) mod blocks;
pub(crate) mod calls;
mod dial;
mod hello;
pub(crate) mod holding;
pub(crate) mod kept;
mod listener;
pub(crate) mod logs;
mod releases;
mod routes;
pub(crate) mod sharing;
mod staging;
pub(crate) mod state;
pub(crate) mod words;

pub(crate) use self::{
    dial::{CallError, Patience, call},
    listener::{Connection, Listening},
};

/// What both ends speak inside of TLS.
pub(crate) const ALPN: &[&[u8]] = &[
    b"muster-peer/1",
    muster_ingress::APPS_ALPN[0],
    muster_ingress::APPS_ALPN[1],
];
/// What a host speaks that has something to say to another itself.
pub(crate) const WORDS_ALPN: &[&[u8]] = &[b"muster-peer/1"];
/// The number of the protocol between peers.
pub(crate) const PROTOCOL: u32 = 1;
