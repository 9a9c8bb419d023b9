//! `muster events`

use std::time::Duration;

use clap::Args;

use super::Scope;
use crate::{
    client::{Changes, Told},
    failure::{Exit, Failure},
    output::{self, Format, data, text},
};

/// How long to wait before a broken connection is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Which changes.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Go on with new changes as they come; without --since, with these alone
    #[arg(long, short)]
    follow: bool,
    /// Begin after this revision; with the oldest one that the host keeps unless told
    #[arg(long, value_name = "REVISION")]
    since: Option<u64>,
    /// Only changes of this kind of thing, such as app; several with commas between
    #[arg(long, value_name = "KIND")]
    resource: Option<String>,
}

/// Shows what changed; with `--follow`, on and on until interrupted. As JSON,
/// changes come as one object a line, as YAML as one document each.
///
/// # Errors
/// If the host refuses.
pub async fn run(scope: &Scope, args: EventsArgs) -> Result<(), Failure> {
    let client = scope.client()?;
    let changes = client.changes(args.since, args.resource.as_deref(), args.follow);
    tokio::select! {
        ended = show(scope.output.format(), changes) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn show(format: Format, mut changes: Changes<'_>) -> Result<(), Failure> {
    let mut connected = false;
    let mut waiting = false;
    loop {
        match changes.next().await {
            Ok(Some(told)) => {
                connected = true;
                waiting = false;
                output::print(&printed(format, &told)?)?;
            }
            Ok(None) => return Ok(()),
            Err(error) if connected && error.is_transient() => {
                if !waiting {
                    eprintln!("The connection is lost; trying again");
                }
                waiting = true;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn printed(format: Format, told: &Told) -> Result<String, Failure> {
    Ok(match (format, told) {
        (Format::Table, Told::Event(event)) => format!(
            "{} {:<8} {:<16} {}\n",
            text::moment(event.at),
            event.revision,
            text::printable(&format!("{}.{}", event.resource, event.kind.word())),
            text::printable(&event.id),
        ),
        (Format::Table, Told::Reset { reset }) => {
            format!(
                "changes were missed; what follows begins after {}\n",
                reset.revision
            )
        }
        (Format::Json, told) => {
            let json = serde_json::to_string(told).map_err(|error| {
                Failure::new(
                    Exit::Failure,
                    format!("a change cannot be printed: {error}"),
                )
            })?;
            format!("{json}\n")
        }
        (Format::Yaml, told) => format!("---\n{}", data(format, told)?),
    })
}
