//! `muster plugin`

mod check;
mod new;
mod test;

use std::{fs, path::Path};

use clap::Subcommand;

pub use self::check::Checked;
use self::{check::CheckArgs, new::NewArgs, test::TestArgs};
use super::Scope;
use crate::failure::Failure;

/// What to do with role plugins.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Make a project for a plugin of your own
    New(NewArgs),
    /// Say what a plugin is and wants, and whether the host would take it
    Check(CheckArgs),
    /// Hold a plugin to the contract of its role, here and without a host
    Test(TestArgs),
}

/// Does it.
///
/// # Errors
/// If a file is no plugin, or the plugin does not do.
pub async fn run(scope: &Scope, command: PluginCommand) -> Result<(), Failure> {
    match command {
        PluginCommand::New(args) => new::run(scope, &args),
        PluginCommand::Check(args) => check::run(scope, args).await,
        PluginCommand::Test(args) => test::run(scope, args).await,
    }
}

/// The bytes of a plugin's file.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}
