//! `muster self passkey`

use clap::Subcommand;
use muster_api::{factors::PasskeyChange, page::Page};
use serde_json::json;

use super::{Scope, factor::ProofArgs};
use crate::failure::Failure;

/// What to do with passkeys.
#[derive(Debug, Subcommand)]
pub enum PasskeyCommand {
    /// List your passkeys
    List,
    /// Call a passkey something else
    Rename {
        /// The passkey's id
        id: String,
        /// What to call it
        name: String,
    },
    /// Remove a passkey
    Remove {
        /// The passkey's id
        id: String,
        #[command(flatten)]
        proof: ProofArgs,
    },
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: PasskeyCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        PasskeyCommand::List => {
            let items = client.factors().await?.passkeys;
            scope.output.show(&Page { items, next: None })
        }
        PasskeyCommand::Rename { id, name } => {
            let passkey = client.rename_passkey(&id, &PasskeyChange { name }).await?;
            let line = format!("The passkey is called {}", passkey.name);
            scope.output.done(&line, &passkey)
        }
        PasskeyCommand::Remove { id, proof } => {
            client.remove_passkey(&id, &proof.proof()?).await?;
            let line = format!("Removed the passkey {id}");
            scope.output.done(&line, &json!({ "removed": id }))
        }
    }
}
