//! `muster self`

use clap::Subcommand;
use muster_api::users::PasswordChange;
use serde_json::json;

use super::{
    Scope,
    factor::{self, FactorCommand, ProofArgs},
    identity::{self, LinkArgs},
    passkey::{self, PasskeyCommand},
    password::PasswordArgs,
};
use crate::failure::Failure;

/// What concerns oneself.
#[derive(Debug, Subcommand)]
pub enum SelfCommand {
    /// Show who you are and what you may do
    Show,
    /// Change your password; your other sessions end. With --password-stdin the
    /// first line is the old one, the second the new one
    Password {
        #[command(flatten)]
        source: PasswordArgs,
    },
    /// Look after what you sign in with besides the password
    #[command(subcommand)]
    Factor(FactorCommand),
    /// Look after your passkeys. Registering one takes a browser, which no
    /// command line is
    #[command(subcommand)]
    Passkey(PasskeyCommand),
    /// List the other sign-in methods that are tied to your account
    Identities,
    /// Tie another sign-in method to your account
    Link(LinkArgs),
    /// Untie a sign-in method from your account
    Unlink {
        /// The method, as the host calls it
        method: String,
        #[command(flatten)]
        proof: ProofArgs,
    },
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: SelfCommand) -> Result<(), Failure> {
    match command {
        SelfCommand::Show => scope.output.show(&scope.client()?.profile().await?),
        SelfCommand::Password { source } => {
            let change = PasswordChange {
                current: source.known("Password so far: ")?,
                new: source.new_one()?,
            };
            scope.client()?.change_password(&change).await?;
            let line = "Your password is changed, and your other sessions have ended";
            scope.output.done(line, &json!({ "changed": true }))
        }
        SelfCommand::Factor(command) => factor::run(scope, command).await,
        SelfCommand::Passkey(command) => passkey::run(scope, command).await,
        SelfCommand::Identities => identity::list(scope).await,
        SelfCommand::Link(args) => identity::link(scope, args).await,
        SelfCommand::Unlink { method, proof } => identity::unlink(scope, &method, proof).await,
    }
}
