//! `muster app delete`

use clap::Args;

use super::Scope;
use crate::{client::Client, commands::deletion::DeletionArgs, failure::Failure};

/// Which app goes.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// The app
    name: String,
    #[command(flatten)]
    deletion: DeletionArgs,
}

/// Deletes an app after the person has seen what goes with it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, client: &Client, args: DeleteArgs) -> Result<(), Failure> {
    let what = format!("the app {}", args.name);
    let delete = async |dry_run| client.delete_app(&args.name, dry_run).await;
    args.deletion.carry_out(scope, &what, delete).await
}
