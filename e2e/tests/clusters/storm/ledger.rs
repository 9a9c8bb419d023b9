//! What was asked of the cluster, as far as it has answered.

use std::{collections::BTreeSet, fmt};

use muster_api::id::JobId;

/// All that was asked for.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Projects that must be there.
    pub made: BTreeSet<String>,
    /// Projects that must not be there.
    pub refused: BTreeSet<String>,
    /// Projects of which nobody can tell.
    pub unknown: BTreeSet<String>,
    /// The versions of the app that were pushed, in their order; with the job, if
    /// the push was acknowledged.
    pub pushes: Vec<(u32, Option<JobId>)>,
    /// How many instances the app may have: the number that was acknowledged last,
    /// and those of which nobody can tell.
    pub instances: BTreeSet<u32>,
    numbers: u32,
}

impl Ledger {
    /// A number that nothing else has.
    pub fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pushed = self.pushes.iter().filter(|(_, job)| job.is_some()).count();
        write!(
            f,
            "so far {} projects made, {} refused, {} unknown, {pushed} pushes",
            self.made.len(),
            self.refused.len(),
            self.unknown.len(),
        )
    }
}
