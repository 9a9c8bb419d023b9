//! Where a host's log lines go when it starts.

use std::path::Path;

use clap::ValueEnum;
use muster_api::logging::{self, LogFilter, LogTarget, Logging};
use muster_logging::{Handle, Start};
use serde::Deserialize;

use crate::failure::{Exit, Failure};

/// Where files go that are named without a folder, in the data directory.
const FOLDER: &str = "logs";

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// An object a line
    Json,
}

impl From<LogFormat> for logging::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// What is logged from the start, by flags, environment, file and defaults.
#[derive(Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// How lines are written.
    pub format: LogFormat,
    /// What is logged.
    pub filter: String,
    /// Where lines go; standard error if that is nowhere.
    pub to: Vec<String>,
    /// Whether a flag or the environment says any of it: then it stands above
    /// what the host was told to keep.
    pub explicit: bool,
}

impl LogConfig {
    /// Sends log lines there from now on.
    ///
    /// # Errors
    /// If the filter or a place makes no sense, or a file cannot be written.
    pub fn start(&self, data_dir: &Path) -> Result<Handle, Failure> {
        muster_logging::start(Start {
            logging: self.logging()?,
            explicit: self.explicit,
            folder: data_dir.join(FOLDER),
        })
        .map_err(|error| Failure::new(Exit::Failure, error.to_string()))
    }

    fn logging(&self) -> Result<Logging, Failure> {
        let filter: LogFilter = self.filter.parse().map_err(|error| {
            Failure::usage(format!("'{}' is no log filter: {error}", self.filter))
                .hint("a filter looks like `info` or `warn,muster_server=debug`")
        })?;
        let places = self.to.iter().map(|to| to.parse::<LogTarget>());
        let mut to = places.collect::<Result<Vec<_>, _>>().map_err(|error| {
            Failure::usage(error.to_string())
                .hint("places look like `stderr`, `file:host.log` or `syslog:udp:192.0.2.1:514`")
        })?;
        if to.is_empty() {
            to = Logging::default().to;
        }
        let logging = Logging {
            level: filter.level,
            modules: filter.modules,
            format: self.format.into(),
            to,
        };
        match logging.check().into_iter().next() {
            Some(problem) => Err(Failure::usage(format!(
                "logging, {}: {}",
                problem.field, problem.message
            ))),
            None => Ok(logging),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logging(filter: &str, to: &[&str]) -> Result<Logging, Failure> {
        let config = LogConfig {
            format: LogFormat::Text,
            filter: filter.to_owned(),
            to: to.iter().map(|&to| to.to_owned()).collect(),
            explicit: false,
        };
        config.logging()
    }

    #[test]
    fn filters_are_checked() {
        for good in ["info", "warn,muster_server=debug", ""] {
            assert_eq!(
                logging(good, &[]).unwrap().to,
                Logging::default().to,
                "{good}"
            );
        }
        for bad in ["a=b=c", "muster_server=loud"] {
            assert_eq!(logging(bad, &[]).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn places_are_checked() {
        let both = logging("info", &["stderr", "file:/var/log/muster.log,daily"]);
        assert_eq!(both.unwrap().to.len(), 2);
        for bad in [&["paper"][..], &["stderr", "stderr"], &["file:../x"]] {
            assert_eq!(
                logging("info", bad).unwrap_err().exit,
                Exit::Usage,
                "{bad:?}"
            );
        }
    }
}
