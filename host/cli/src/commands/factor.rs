//! `muster self factor`

use clap::{Args, Subcommand};
use muster_api::factors::{Proof, TotpConfirmation};
use serde_json::json;

use super::{Scope, password::PasswordArgs, terminal};
use crate::failure::Failure;

/// What to do with second factors.
#[derive(Debug, Subcommand)]
pub enum FactorCommand {
    /// Show your second factors
    List,
    /// Make a secret for an authenticator app; it counts once you confirm it
    AddTotp {
        #[command(flatten)]
        proof: ProofArgs,
    },
    /// Make the authenticator app count, by a code that it shows
    ConfirmTotp {
        /// The code; asked for unless told
        code: Option<String>,
    },
    /// Remove the authenticator app
    RemoveTotp {
        #[command(flatten)]
        proof: ProofArgs,
    },
    /// Make ten recovery codes for when the phone is gone; earlier ones are void
    RecoveryCodes {
        #[command(flatten)]
        proof: ProofArgs,
    },
}

/// What shows anew who is there.
#[derive(Debug, Args)]
pub struct ProofArgs {
    /// Show who you are by a code of the authenticator app or a recovery code,
    /// instead of the password
    #[arg(long, value_name = "CODE", conflicts_with = "password_stdin")]
    otp: Option<String>,
    /// You have no password there: a login of the last ten minutes will do
    #[arg(long, conflicts_with_all = ["otp", "password_stdin"])]
    no_password: bool,
    #[command(flatten)]
    source: PasswordArgs,
}

impl ProofArgs {
    /// Where passwords come from.
    pub fn source(&self) -> PasswordArgs {
        self.source
    }

    /// Whether it was told where the proof comes from.
    pub fn is_told(&self) -> bool {
        self.otp.is_some() || self.no_password || self.source.is_piped()
    }

    /// The proof, which may have to be typed.
    ///
    /// # Errors
    /// If there is nobody to ask.
    pub fn proof(self) -> Result<Proof, Failure> {
        let mut proof = Proof::default();
        match self.otp {
            Some(code) => proof.otp = Some(code.into()),
            None if self.no_password => {}
            None => proof.password = Some(self.source.known("Password: ")?.into()),
        }
        Ok(proof)
    }
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: FactorCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        FactorCommand::List => scope.output.show(&client.factors().await?),
        FactorCommand::AddTotp { proof } => {
            scope.output.show(&client.add_totp(&proof.proof()?).await?)
        }
        FactorCommand::ConfirmTotp { code } => {
            let code = match code {
                Some(code) => code,
                None => terminal::code("Code: ")?,
            };
            let confirmation = TotpConfirmation { code: code.into() };
            client.confirm_totp(&confirmation).await?;
            let line = "From now on signing in takes a code of the authenticator app. Make codes for when it is gone with: muster self factor recovery-codes";
            scope.output.done(line, &json!({ "confirmed": true }))
        }
        FactorCommand::RemoveTotp { proof } => {
            client.remove_totp(&proof.proof()?).await?;
            let line = "Removed the authenticator app";
            scope.output.done(line, &json!({ "removed": "totp" }))
        }
        FactorCommand::RecoveryCodes { proof } => {
            let codes = client.new_recovery_codes(&proof.proof()?).await?;
            scope.output.show(&codes)
        }
    }
}
