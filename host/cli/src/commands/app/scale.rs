//! `muster app scale`

use clap::{ArgGroup, Args};
use muster_api::{apps::AppChange, units::ByteSize};

use super::{DryRunArgs, Scope};
use crate::{
    client::{Change, Client},
    failure::Failure,
};

/// How large an app should be.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["instances", "memory"]))]
pub struct ScaleArgs {
    /// The app
    name: String,
    /// How many instances it should have, 0 to 1000
    #[arg(long, value_name = "N")]
    instances: Option<u32>,
    /// How much memory one request may use, such as 64MiB; rolls out a new release
    #[arg(long, value_name = "SIZE")]
    memory: Option<ByteSize>,
    #[command(flatten)]
    dry: DryRunArgs,
}

/// Scales an app.
///
/// # Errors
/// If the host refuses or the roll-out fails.
pub async fn run(scope: &Scope, client: &Client, args: ScaleArgs) -> Result<(), Failure> {
    let change = AppChange {
        instances: args.instances,
        memory: args.memory,
    };
    let done = format!("Scaled {}", args.name);
    let change = Change::Scale(&change);
    args.dry
        .carry_out(scope, client, &args.name, change, &done)
        .await
}
