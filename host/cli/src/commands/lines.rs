//! Lines of a log, as they come.

use std::time::Duration;

use muster_api::platform_log::LogGap;
use serde::Serialize;

use crate::{
    client::{Follow, Followable, Heard},
    failure::{Exit, Failure},
    output::{self, Format, data, text::printable},
};

/// How long to wait before a broken connection is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Prints lines until interrupted, for people as `text` says. As JSON they come
/// as one object a line, as YAML as one document each. What is missing is told on
/// standard error.
///
/// # Errors
/// If the host refuses.
pub async fn follow<Q: Followable>(
    format: Format,
    lines: Follow<'_, Q>,
    text: impl Fn(&Q::Line) -> String,
) -> Result<(), Failure> {
    tokio::select! {
        ended = print_all(format, lines, text) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn print_all<Q: Followable>(
    format: Format,
    mut lines: Follow<'_, Q>,
    text: impl Fn(&Q::Line) -> String,
) -> Result<(), Failure> {
    let mut connected = false;
    let mut waiting = false;
    loop {
        match lines.next().await {
            Ok(heard) => {
                connected = true;
                waiting = false;
                match heard {
                    Heard::Line(line) => output::print(&printed(format, &line, &text)?)?,
                    Heard::Gap(gap) => tell(&gap),
                }
            }
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

/// Tells on standard error that a host's lines are missing, or come again.
pub fn tell(gap: &LogGap) {
    let host = printable(&gap.host);
    match &gap.reason {
        Some(reason) => eprintln!("Lines of {host} are missing: {}", printable(reason)),
        None => eprintln!("Lines of {host} come again"),
    }
}

fn printed<L: Serialize>(
    format: Format,
    line: &L,
    text: impl Fn(&L) -> String,
) -> Result<String, Failure> {
    Ok(match format {
        Format::Table => format!("{}\n", text(line)),
        Format::Json => {
            let json = serde_json::to_string(line).map_err(|error| {
                Failure::new(Exit::Failure, format!("a line cannot be printed: {error}"))
            })?;
            format!("{json}\n")
        }
        Format::Yaml => format!("---\n{}", data(format, line)?),
    })
}
