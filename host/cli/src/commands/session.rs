//! `muster session`

use clap::{ArgGroup, Args, Subcommand};
use muster_api::{id::SessionId, users::EndedSessions};

use super::{Scope, deletion::DeletionArgs};
use crate::{failure::Failure, output::text};

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List your sessions, or those of a user
    List {
        /// The user's name or id
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// End one of your sessions, or all of a user
    End(EndArgs),
}

/// Which sessions to end.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["id", "all_of"]))]
pub struct EndArgs {
    /// The session's id
    id: Option<SessionId>,
    /// End all sessions of this user
    #[arg(long, value_name = "NAME")]
    all_of: Option<String>,
    #[command(flatten)]
    deletion: DeletionArgs,
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: SessionCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        SessionCommand::List { user } => {
            scope.output.show(&client.sessions(user.as_deref()).await?)
        }
        SessionCommand::End(args) => {
            let (which, question) = match (args.id, &args.all_of) {
                (Some(id), _) => (Ok(id), format!("End the session {id}?")),
                (None, Some(user)) => (Err(user.as_str()), format!("End all sessions of {user}?")),
                (None, None) => return Err(Failure::usage("name a session")),
            };
            let plan = async || client.plan_session_end(which).await;
            if !args.deletion.agreed(scope, &question, plan).await? {
                return Ok(());
            }
            let ended = match which {
                Ok(id) => {
                    client.end_session(id).await?;
                    EndedSessions { ended: 1 }
                }
                Err(user) => client.end_sessions(user).await?,
            };
            let count = usize::try_from(ended.ended).unwrap_or(usize::MAX);
            let line = format!("Ended {}", text::count(count, "session"));
            scope.output.done(&line, &ended)
        }
    }
}
