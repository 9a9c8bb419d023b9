//! `muster key`

use clap::{Args, Subcommand};
use muster_api::{
    factors::Proof,
    keys::{KeyRotation, NewKey},
    permissions::Permission,
    problem::Problem,
    units::Millis,
};

use super::{Scope, deletion::DeletionArgs, factor::ProofArgs};
use crate::{client::ClientError, failure::Failure};

/// What to do with access keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// List your keys
    List {
        /// List everybody's keys
        #[arg(long)]
        all: bool,
        /// List the keys of this user
        #[arg(long, value_name = "NAME", conflicts_with = "all")]
        user: Option<String>,
    },
    /// Show a key
    Show {
        /// The key
        #[arg(value_name = "ID")]
        key: String,
    },
    /// Make a key for a program; its secret is shown this once
    Create(CreateArgs),
    /// Give a key a new secret, which is shown this once
    Rotate {
        /// The key
        #[arg(value_name = "ID")]
        key: String,
        /// How long the secret so far stays good, at most 7d; it ends at once unless told
        #[arg(long, value_name = "TIME")]
        overlap: Option<Millis>,
    },
    /// Put an end to a key
    Revoke {
        /// The key
        #[arg(value_name = "ID")]
        key: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// A new key.
#[derive(Debug, Args)]
#[command(after_help = "\
A program uses a key with the variables MUSTER_URL, MUSTER_KEY_ID and
MUSTER_KEY_SECRET, or asks for access tokens at /oauth/token with the grant
client_credentials.")]
pub struct CreateArgs {
    /// What it is for
    name: String,
    /// Something that it may do, such as app:read; all that you may unless told
    #[arg(long = "scope", value_name = "PERMISSION")]
    scopes: Vec<Permission>,
    /// A network that it may be used from, such as 10.1.0.0/16; from anywhere unless told
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// After which time it ends, such as 90d; never unless told
    #[arg(long, value_name = "TIME")]
    expires: Option<Millis>,
    #[command(flatten)]
    proof: ProofArgs,
}

fn wants_proof(problem: &Problem) -> bool {
    let fields = &problem.fields;
    fields.iter().any(|wrong| wrong.field == "proof.password")
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: KeyCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        KeyCommand::List { all, user } => {
            let keys = if all || user.is_some() {
                client.keys(user.as_deref()).await?
            } else {
                client.own_keys().await?
            };
            scope.output.show(&keys)
        }
        KeyCommand::Show { key } => scope.output.show(&client.key(&key).await?),
        KeyCommand::Create(args) => {
            let shown = args.proof.is_told();
            let mut new = NewKey {
                name: args.name,
                scopes: (!args.scopes.is_empty()).then_some(args.scopes),
                networks: args.networks,
                expires_in: args.expires,
                proof: Proof::default(),
            };
            if shown {
                new.proof = args.proof.proof()?;
                return scope.output.show(&client.create_key(&new).await?);
            }
            // Whoever has just logged in need not show anything.
            let made = match client.create_key(&new).await {
                Err(ClientError::Refused(problem)) if wants_proof(&problem) => {
                    new.proof = args.proof.proof()?;
                    client.create_key(&new).await?
                }
                made => made?,
            };
            scope.output.show(&made)
        }
        KeyCommand::Rotate { key, overlap } => {
            let how = KeyRotation { overlap };
            scope.output.show(&client.rotate_key(&key, &how).await?)
        }
        KeyCommand::Revoke { key, deletion } => {
            let revoke = async |dry_run| client.revoke_key(&key, dry_run).await;
            let what = format!("the key {key}");
            deletion.carry_out(scope, &what, revoke).await
        }
    }
}
