//! `muster op`

pub mod static_ip;

use clap::Subcommand;

use super::Scope;
use crate::failure::Failure;

/// What to set up on this machine. No host has to run for it.
#[derive(Debug, Subcommand)]
pub enum OpCommand {
    /// Check and write down a fixed address for this machine
    ///
    /// The machine's network stays as it is unless --apply says otherwise. What is
    /// written down lies in the folder `network` of the data directory, as a file
    /// that systemd-networkd reads.
    StaticIp(static_ip::StaticIpArgs),
}

/// Does it.
///
/// # Errors
/// If it makes no sense or the machine refuses.
pub async fn run(scope: &Scope, command: OpCommand) -> Result<(), Failure> {
    match command {
        OpCommand::StaticIp(args) => static_ip::run(scope, args).await,
    }
}
