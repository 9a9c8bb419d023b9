//! Everything that is particular to PostgreSQL: several hosts of which one is the
//! primary, what becomes of transactions when it is lost, and what error codes
//! mean.
//!
//! As on SQLite, one transaction writes at a time, of all hosts that share the
//! database: each begins with an advisory lock that the server holds until it
//! ends. The locks, like the sessions, are bounded in time, so that a host that
//! is paused or cut off holds the others up for seconds at most.

mod commits;
mod failure;
mod generation;
mod options;
mod primary;
mod schema;
mod server;
#[cfg(test)]
mod tests;
mod url;

pub(crate) use commits::Mark;
pub(crate) use failure::{Failure, failure, lost};
pub(crate) use generation::Generation;
pub(crate) use server::{Purpose, Server};
pub use url::{DatabaseUrl, DatabaseUrlError};
