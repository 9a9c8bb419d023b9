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
    /// Show a passkey
    Show {
        /// The passkey's id
        id: String,
    },
    /// Call a passkey something else
    Rename {
        /// The passkey's id
        id: String,
        /// What to call it
        name: String,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
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
        PasskeyCommand::Show { id } => scope.output.show(&client.passkey(&id).await?),
        PasskeyCommand::Rename { id, name, dry_run } => {
            let change = PasskeyChange { name };
            if dry_run {
                return scope.output.show(&client.plan_passkey(&id, &change).await?);
            }
            let passkey = client.rename_passkey(&id, &change).await?;
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
