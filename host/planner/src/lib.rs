//! Which host runs what: from a snapshot to a plan, without any IO.
//!
//! [`plan()`] looks at hosts, apps and where instances are placed ([`Snapshot`]), and answers with
//! what to start and what to stop ([`Plan`]), each with its reason, in words for people. It
//! remembers nothing: whoever applies a plan asks again with what came of it, until
//! [`Plan::changes_nothing`]. The same snapshot gives the same plan, in whatever order its lists
//! are. [`usage`] sums up what is placed on each host.

mod allocation;
mod amounts;
mod choose;
mod keep;
mod plan;
mod snapshot;
mod why;

#[cfg(test)]
mod tests;

pub use allocation::{HostUse, usage};
pub use amounts::{Amounts, Bytes, Cores};
pub use plan::{Choice, HostReasons, Plan, Stop, Unplaced, plan};
pub use snapshot::{App, Condition, Constraints, Host, Placement, Snapshot};
pub use why::{Headroom, Moved, RunnerUp, Standing, StopWhy, Why, WhyNot};
