//! Log lines of apps.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogSource {
    /// The app's standard output.
    Stdout,
    /// The app's standard error.
    Stderr,
    /// One line per request.
    Access,
    /// What the platform says about the app.
    Platform,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Its number on this host, growing; a `cursor` to continue from.
    pub sequence: u64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// Where from.
    pub source: LogSource,
    /// The app's name.
    pub app: String,
    /// The host's name, in a group of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The instance's index and release, such as `0/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The request's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The line.
    pub message: String,
}

/// What the lines of every kind of log have.
pub trait Line {
    /// Its number on its host, growing, also over restarts.
    fn sequence(&self) -> u64;
    /// When.
    fn time(&self) -> OffsetDateTime;
    /// The host's name; none while nobody has said it.
    fn host(&self) -> Option<&str>;
    /// Says which host it is of; none where there is but one.
    fn set_host(&mut self, host: Option<&str>);
}

impl Line for LogLine {
    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn time(&self) -> OffsetDateTime {
        self.time
    }

    fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    fn set_host(&mut self, host: Option<&str>) {
        self.host = host.map(str::to_owned);
    }
}

impl LogQuery {
    /// Whether a line is among those that are asked for.
    #[must_use]
    pub fn takes(&self, line: &LogLine) -> bool {
        self.source.is_none_or(|source| line.source == source)
            && (self.instance.is_none() || line.instance == self.instance)
            && (self.host.is_none() || line.host == self.host)
            && self
                .text
                .as_ref()
                .is_none_or(|text| line.message.contains(text))
    }
}

/// Which lines are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// How many of the last lines, 0 to 10000. 100 unless told.
    pub tail: Option<u32>,
    /// Only lines from there.
    pub source: Option<LogSource>,
    /// Only lines of this instance: index and release, such as `0/3`.
    pub instance: Option<String>,
    /// Only lines of the host of that name.
    pub host: Option<String>,
    /// Only lines in which this text is.
    pub text: Option<String>,
    /// Whether to go on with new lines as server-sent events.
    #[serde(default)]
    pub follow: bool,
}
