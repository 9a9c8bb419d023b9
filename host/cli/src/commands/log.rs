//! `muster log`

use clap::{Args, Subcommand};
use muster_api::{logging::LogLevel, platform_log::PlatformLogQuery};
use time::OffsetDateTime;

use super::{Scope, audit::moment, lines};
use crate::{
    failure::Failure,
    output::{Format, platform_line},
};

/// How to read what the hosts log.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Show the last lines
    ///
    /// Each host keeps the last 8 MiB of its lines in memory. A host of the group
    /// that does not answer is told on standard error, and the others are shown.
    Tail(LinesArgs),
    /// Show new lines as they come
    ///
    /// After a lost connection it goes on where it was. When lines of a host of
    /// the group are missing, and when they come again, is told on standard error.
    Stream(LinesArgs),
}

/// Which lines.
#[derive(Debug, Args)]
pub struct LinesArgs {
    /// How many of the last lines, 0 to 10000; 100 unless told, and none before a stream
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    lines: Option<u32>,
    /// Only lines of this host of the group; may be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    host: Vec<String>,
    /// Only lines of this role's plugin
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only lines that matter at least so much: error, warn, info, debug or trace
    #[arg(long, value_name = "LEAST")]
    level: Option<LogLevel>,
    /// Only lines of this module and what lies below it, such as muster_server::http
    #[arg(long, visible_alias = "module", value_name = "MODULE")]
    target: Option<String>,
    /// Only lines in which this text is
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only lines from then on: a moment such as 2026-03-01T12:00:00Z, or how long ago, such as 2h or 7d
    #[arg(long, value_name = "WHEN", value_parser = moment::parse)]
    since: Option<OffsetDateTime>,
}

impl LinesArgs {
    fn query(self) -> PlatformLogQuery {
        PlatformLogQuery {
            tail: self.lines,
            host: (!self.host.is_empty()).then(|| self.host.join(",")),
            role: self.role,
            level: self.level,
            target: self.target,
            text: self.text,
            since: self.since,
            follow: false,
        }
    }
}

/// Shows the lines.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: LogCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    let format = scope.output.format();
    match command {
        LogCommand::Tail(args) => {
            let log = client.platform_log(&args.query()).await?;
            if format == Format::Table {
                log.missing.iter().for_each(lines::tell);
            }
            scope.output.show(&log)
        }
        LogCommand::Stream(args) => {
            let mut query = args.query();
            // What is asked for from a moment on is wanted from there on.
            if query.since.is_none() {
                query.tail = query.tail.or(Some(0));
            }
            let stream = client.follow_platform_log(query);
            lines::follow(format, stream, platform_line).await
        }
    }
}
