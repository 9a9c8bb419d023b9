//! `muster self`

use clap::Subcommand;

use super::{
    Scope,
    factor::{self, FactorCommand},
    passkey::{self, PasskeyCommand},
};
use crate::failure::Failure;

/// What concerns oneself.
#[derive(Debug, Subcommand)]
pub enum SelfCommand {
    /// Look after what you sign in with besides the password
    #[command(subcommand)]
    Factor(FactorCommand),
    /// Look after your passkeys. Registering one takes a browser: sign in on
    /// the host's page
    #[command(subcommand)]
    Passkey(PasskeyCommand),
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: SelfCommand) -> Result<(), Failure> {
    match command {
        SelfCommand::Factor(command) => factor::run(scope, command).await,
        SelfCommand::Passkey(command) => passkey::run(scope, command).await,
    }
}
