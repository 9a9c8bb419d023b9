//! `muster mail`

use clap::Subcommand;

use super::Scope;
use crate::failure::{Exit, Failure};

/// What to do with mail.
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Send a mail at once, to see whether it arrives
    Test {
        /// Where to
        address: String,
    },
}

/// Does it.
///
/// # Errors
/// If the host refuses, or the mail is not taken.
pub async fn run(scope: &Scope, command: MailCommand) -> Result<(), Failure> {
    let MailCommand::Test { address } = command;
    let reply = scope.client()?.test_mail(&address).await?;
    if let Some(problem) = &reply.problem {
        return Err(Failure::new(Exit::Failure, problem.as_str())
            .hint("see how mail is sent with: muster config show mail"));
    }
    let line = format!("The mail server took a mail to {address}");
    scope.output.done(&line, &reply)
}
