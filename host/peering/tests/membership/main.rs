//! Membership: its rules one by one, and under whatever a network, crashes and
//! impatient people do to it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod rules;
mod schedules;
mod world;
