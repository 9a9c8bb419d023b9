//! What came of a suite.

use serde::Serialize;

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// Its name, such as `hostile-requests`.
    pub name: &'static str,
    /// What it wants of the plugin, in a line.
    pub about: &'static str,
    /// Whether the plugin did that.
    pub passed: bool,
    /// What it did instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How long the case took.
    pub milliseconds: u64,
}

/// What came of all cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The role that it plays.
    pub role: String,
    /// The world whose suite it was.
    pub world: String,
    /// The cases, in the order in which they ran.
    pub cases: Vec<Case>,
}

impl Report {
    /// How many cases failed.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed).count()
    }
}
