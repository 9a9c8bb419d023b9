//! What is logged: levels, and a short way to write them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much is logged.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// And what is odd.
    Warn,
    /// And what an operator wants to know.
    #[default]
    Info,
    /// And what helps to find a fault.
    Debug,
    /// And every step.
    Trace,
}

const LEVELS: [(&str, LogLevel); 6] = [
    ("off", LogLevel::Off),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

/// A word that is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no level: off, error, warn, info, debug or trace")]
pub struct LogLevelError(String);

impl FromStr for LogLevel {
    type Err = LogLevelError;

    fn from_str(text: &str) -> Result<Self, LogLevelError> {
        LEVELS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, level)| *level)
            .ok_or_else(|| LogLevelError(text.to_owned()))
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = LEVELS.iter().find(|(_, level)| level == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// Levels as one text: `info,muster_server=debug`. The part without a module is
/// the level of all others, `info` unless told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// The level of every module that is not named.
    pub level: LogLevel,
    /// Levels of modules.
    pub modules: BTreeMap<String, LogLevel>,
}

/// A text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A level is none.
    #[error(transparent)]
    Level(#[from] LogLevelError),
    /// A module's name is none.
    #[error("'{0}' is no module such as muster_server")]
    Module(String),
}

impl FromStr for LogFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                _ if part.is_empty() => {}
                None => filter.level = part.parse()?,
                Some((module, _)) if !is_module(module) => {
                    return Err(FilterError::Module(module.to_owned()));
                }
                Some((module, level)) => {
                    filter.modules.insert(module.to_owned(), level.parse()?);
                }
            }
        }
        Ok(filter)
    }
}

/// Whether this could be a module's path.
pub(super) fn is_module(text: &str) -> bool {
    text.len() <= 128
        && text.split("::").all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read() {
        let filter: LogFilter = "warn, muster_server=debug,muster_server::http=off"
            .parse()
            .unwrap();
        assert_eq!(filter.level, LogLevel::Warn);
        assert_eq!(filter.modules["muster_server"], LogLevel::Debug);
        assert_eq!(filter.modules["muster_server::http"], LogLevel::Off);
        assert_eq!("".parse(), Ok(LogFilter::default()));
        let only: LogFilter = "muster_store=TRACE".parse().unwrap();
        assert_eq!(only.level, LogLevel::Info);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in [
            "loud",
            "a=b=c",
            "muster_server=loud",
            "=info",
            "a b=info",
            "a:b=info",
        ] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad}");
        }
    }

    #[test]
    fn levels_are_written_as_they_are_read() {
        for (name, level) in LEVELS {
            assert_eq!(level.to_string(), name);
            assert_eq!(name.parse(), Ok(level));
        }
    }
}
