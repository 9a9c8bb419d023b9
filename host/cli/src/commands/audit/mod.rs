//! `muster audit`

mod export;
pub(super) mod moment;
mod verify;

use clap::{Args, Subcommand, ValueEnum};
use muster_api::audit::{AuditFilter, AuditOutcome};
use time::OffsetDateTime;

use super::Scope;
use crate::failure::Failure;

/// What to do with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what was done and what was refused, newest first
    List {
        /// How many entries at most
        #[arg(long, default_value_t = 100, value_name = "COUNT")]
        limit: usize,
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Write out what matches, oldest first, with its hashes, an object a line
    Export(export::ExportArgs),
    /// Check whether every entry is what was written, and none is missing
    ///
    /// Prints the head of the log, NUMBER:HASH. Note it elsewhere, and give it as
    /// --head next time: only so can it show if somebody who can write the
    /// database has cut the log off or written it anew. Ends with 1 if the log
    /// is broken.
    Verify(verify::VerifyArgs),
}

/// Which entries.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Only what this user did or tried, or a part of the host such as `(host)`
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only this action, or those that begin so: `app.delete`, `app.`
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to this
    #[arg(long)]
    subject: Option<String>,
    /// Only what was done, or only what was refused
    #[arg(long, value_enum)]
    outcome: Option<Outcome>,
    /// Only what came from this address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Only from then on: a moment such as 2026-03-01T12:00:00Z, or how long ago, such as 2h or 7d
    #[arg(long, value_name = "WHEN", value_parser = moment::parse)]
    since: Option<OffsetDateTime>,
    /// Only before then
    #[arg(long, value_name = "WHEN", value_parser = moment::parse)]
    until: Option<OffsetDateTime>,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Outcome {
    /// It was done
    Done,
    /// It was refused
    Refused,
}

impl From<FilterArgs> for AuditFilter {
    fn from(args: FilterArgs) -> Self {
        Self {
            actor: args.actor,
            action: args.action,
            subject: args.subject,
            outcome: args.outcome.map(|outcome| match outcome {
                Outcome::Done => AuditOutcome::Done,
                Outcome::Refused => AuditOutcome::Refused,
            }),
            origin: args.from,
            since: args.since,
            until: args.until,
        }
    }
}

/// Does it.
///
/// # Errors
/// If the host refuses, or the log is broken.
pub async fn run(scope: &Scope, command: AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::List { limit, filter } => {
            let client = scope.client()?;
            scope
                .output
                .show(&client.audit(&filter.into(), limit).await?)
        }
        AuditCommand::Export(args) => export::run(scope, args).await,
        AuditCommand::Verify(args) => verify::run(scope, args).await,
    }
}
