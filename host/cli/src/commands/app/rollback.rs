//! `muster app rollback`

use clap::Args;
use muster_api::{apps::Rollback, id::DropletId};

use super::{Scope, follow};
use crate::{client::Client, failure::Failure};

/// Where to return to.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The app
    name: String,
    /// The droplet; the one before the current one unless told
    #[arg(long, value_name = "ID")]
    droplet: Option<DropletId>,
}

/// Returns to an earlier droplet.
///
/// # Errors
/// If there is none, or the roll-out fails.
pub async fn run(scope: &Scope, client: &Client, args: RollbackArgs) -> Result<(), Failure> {
    let job = client
        .roll_back(
            &args.name,
            &Rollback {
                droplet: args.droplet,
            },
        )
        .await?;
    let job = follow::to_success(client, job).await?;
    scope
        .output
        .done(&format!("Rolled back {}", args.name), &job)
}
