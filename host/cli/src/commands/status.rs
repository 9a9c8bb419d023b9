//! `muster status`

use clap::Args;

use super::Scope;
use crate::{failure::Failure, output::HostStatuses};

/// Of which hosts.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show how every host of the group is
    #[arg(long, conflicts_with = "node")]
    all: bool,
}

/// Shows how the host is, or every host of the group.
///
/// # Errors
/// If the host does not say.
pub async fn run(scope: &Scope, args: StatusArgs) -> Result<(), Failure> {
    let client = scope.client()?;
    if !args.all {
        return scope.output.show(&client.status().await?);
    }
    let mut statuses = HostStatuses::default();
    for host in client.hosts().await?.items {
        let asked = scope.client()?.of_node(&host.id.to_string());
        statuses.add(
            &host.name,
            asked.status().await.map_err(|it| it.to_string()),
        );
    }
    if statuses.is_empty() {
        statuses.add(
            "this host",
            client.status().await.map_err(|it| it.to_string()),
        );
    }
    scope.output.show(&statuses)
}
