//! `muster app logs`

use clap::{Args, ValueEnum};
use muster_api::logs::{LogQuery, LogSource};

use super::Scope;
use crate::{client::Client, commands::lines, failure::Failure, output::log_line};

/// Which lines.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The app
    name: String,
    /// Go on with new lines as they come
    #[arg(long, short)]
    follow: bool,
    /// How many of the last lines, 0 to 10000; 100 unless told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    tail: Option<u32>,
    /// Only lines from there
    #[arg(long, value_enum)]
    source: Option<Source>,
    /// Only lines of this instance: index and release, such as 0/3
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,
    /// Only lines of this host of the group
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Only lines in which this text is
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

/// Where a line comes from.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Source {
    /// The app's standard output
    Stdout,
    /// The app's standard error
    Stderr,
    /// One line per request
    Access,
    /// What the platform says about the app
    Platform,
}

impl From<Source> for LogSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Stdout => Self::Stdout,
            Source::Stderr => Self::Stderr,
            Source::Access => Self::Access,
            Source::Platform => Self::Platform,
        }
    }
}

impl LogsArgs {
    fn query(&self) -> LogQuery {
        LogQuery {
            tail: self.tail,
            source: self.source.map(Into::into),
            instance: self.instance.clone(),
            host: self.host.clone(),
            text: self.text.clone(),
            follow: self.follow,
        }
    }
}

/// Shows the last lines; with `--follow`, new ones until interrupted. As JSON,
/// followed lines come as one object a line, as YAML as one document each.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, client: &Client, args: LogsArgs) -> Result<(), Failure> {
    if !args.follow {
        return scope
            .output
            .show(&client.logs(&args.name, &args.query()).await?);
    }
    let lines = client.follow_logs(&args.name, args.query());
    lines::follow(scope.output.format(), lines, log_line).await
}
