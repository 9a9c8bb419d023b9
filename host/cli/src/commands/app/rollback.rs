//! `muster app rollback`

use clap::Args;
use muster_api::{apps::Rollback, id::DropletId};

use super::{DryRunArgs, Scope};
use crate::{
    client::{Change, Client},
    failure::Failure,
};

/// Where to return to.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The app
    name: String,
    /// The droplet; the one before the current one unless told
    #[arg(long, value_name = "ID")]
    droplet: Option<DropletId>,
    #[command(flatten)]
    dry: DryRunArgs,
}

/// Returns to an earlier droplet.
///
/// # Errors
/// If there is none, or the roll-out fails.
pub async fn run(scope: &Scope, client: &Client, args: RollbackArgs) -> Result<(), Failure> {
    let to = Rollback {
        droplet: args.droplet,
    };
    let done = format!("Rolled back {}", args.name);
    let change = Change::RollBack(&to);
    args.dry
        .carry_out(scope, client, &args.name, change, &done)
        .await
}
