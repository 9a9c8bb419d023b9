//! TLS between hosts, over real connections on this machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod clocks;
mod joining;
mod meeting;
mod members;
mod rotation;
