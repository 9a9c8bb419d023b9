//! What an operator may set while the host runs: a section per topic.

pub mod rate_limits;
