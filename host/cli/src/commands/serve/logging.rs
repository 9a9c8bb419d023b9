//! Where a host's log lines go.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::failure::{Exit, Failure};

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

/// Sends log lines to standard error from now on.
///
/// # Errors
/// If the filter makes no sense.
pub fn start(format: LogFormat, filter: &str) -> Result<(), Failure> {
    let filter = parse(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::new(Exit::Failure, format!("logging cannot start: {error}")))
}

fn parse(filter: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::builder().parse(filter).map_err(|error| {
        Failure::usage(format!("'{filter}' is no log filter: {error}"))
            .hint("a filter looks like `info` or `warn,muster_server=debug`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked() {
        for good in ["info", "warn,muster_server=debug", ""] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["a=b=c", "muster_server=loud"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
