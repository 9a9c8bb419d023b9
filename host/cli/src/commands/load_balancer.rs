//! `muster load-balancer`

use clap::Subcommand;

use super::Scope;
use crate::failure::Failure;

/// What to do with the load balancer of a host.
#[derive(Debug, Subcommand)]
pub enum LoadBalancerCommand {
    /// Show the routers that it knows, and how each does
    Show,
}

/// Does it.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, command: LoadBalancerCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        LoadBalancerCommand::Show => scope.output.show(&client.load_balancer().await?),
    }
}
