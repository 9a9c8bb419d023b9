//! `muster signing-key`

use clap::Subcommand;

use super::Scope;
use crate::failure::Failure;

/// What to do with the keys that tokens are signed with.
#[derive(Debug, Subcommand)]
pub enum SigningKeyCommand {
    /// List the keys that are good for checking tokens, newest first
    List,
    /// Make a new key, which signs from now on; nobody is logged out
    Rotate,
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: SigningKeyCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        SigningKeyCommand::List => scope.output.show(&client.signing_keys().await?),
        SigningKeyCommand::Rotate => {
            let key = client.rotate_signing_keys().await?;
            let line = format!("Tokens are signed with key {} from now on", key.id);
            scope.output.done(&line, &key)
        }
    }
}
