//! `muster app env`

use clap::Args;
use muster_api::apps::EnvChange;

use super::{DryRunArgs, Scope};
use crate::{
    client::{Change, Client},
    failure::Failure,
};

/// Which variables to change.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// The app
    name: String,
    /// Set a variable; may be given several times
    #[arg(long, value_name = "K=V", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Remove a variable; may be given several times
    #[arg(long, value_name = "K")]
    unset: Vec<String>,
    #[command(flatten)]
    dry: DryRunArgs,
}

/// Lists an app's variables, or changes them and rolls out a new release.
///
/// # Errors
/// If the host refuses or the roll-out fails.
pub async fn run(scope: &Scope, client: &Client, args: EnvArgs) -> Result<(), Failure> {
    if args.set.is_empty() && args.unset.is_empty() {
        return scope.output.show(&client.env(&args.name).await?);
    }
    let change = EnvChange {
        set: args.set.into_iter().collect(),
        unset: args.unset,
    };
    let done = format!("Changed the environment of {}", args.name);
    let change = Change::Env(&change);
    args.dry
        .carry_out(scope, client, &args.name, change, &done)
        .await
}

/// Reads `K=V`; the value may hold further equals signs, or nothing.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a variable is written as NAME=VALUE".to_owned()),
    }
}
