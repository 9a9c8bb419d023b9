//! `muster job`

use clap::Subcommand;
use muster_api::id::JobId;

use super::{Scope, follow};
use crate::failure::Failure;

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List the jobs
    List,
    /// Show a job and its log
    Show {
        /// The job's id
        id: JobId,
        /// Wait for its end, with its log on standard error
        #[arg(long, short)]
        follow: bool,
    },
    /// Cancel a job
    Cancel {
        /// The job's id
        id: JobId,
    },
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: JobCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        JobCommand::List => scope.output.show(&client.jobs().await?),
        JobCommand::Show { id, follow } => {
            let mut job = client.job(id).await?;
            if follow {
                job = follow::to_end(&client, job).await?;
            }
            scope.output.show(&job)
        }
        JobCommand::Cancel { id } => {
            let job = client.cancel_job(id).await?;
            scope.output.done(
                &format!("Cancelled the {} of {}", job.kind, job.subject),
                &job,
            )
        }
    }
}
