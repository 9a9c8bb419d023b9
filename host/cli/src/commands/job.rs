//! `muster job`

use clap::{Subcommand, ValueEnum};
use muster_api::{
    id::JobId,
    jobs::{JobFilter, JobState},
};

use super::{Scope, follow};
use crate::failure::Failure;

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// List the jobs, newest first
    List {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only those of this app, be it there or gone
        #[arg(long, value_name = "NAME")]
        app: Option<String>,
    },
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

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// Waiting for its turn
    Queued,
    /// At work
    Running,
    /// Done
    Succeeded,
    /// Ended with a problem
    Failed,
    /// Cancelled by somebody
    Cancelled,
}

impl From<State> for JobState {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Running => Self::Running,
            State::Succeeded => Self::Succeeded,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
        }
    }
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: JobCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        JobCommand::List { state, app } => {
            let filter = JobFilter {
                state: state.map(JobState::from),
                app,
            };
            scope.output.show(&client.jobs(&filter).await?)
        }
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
