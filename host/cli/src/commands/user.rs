//! `muster user`

use clap::Subcommand;
use serde_json::json;

use super::{Scope, terminal};
use crate::failure::Failure;

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Take all second factors of a user away, who has lost them
    ResetFactors {
        /// The user's name or id
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: UserCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        UserCommand::ResetFactors { name, yes } => {
            if !yes {
                terminal::confirm(&format!("Let {name} in without a second factor?"))?;
            }
            client.reset_factors(&name).await?;
            let line = format!("{name} signs in without a second factor");
            scope.output.done(&line, &json!({ "reset": name }))
        }
    }
}
