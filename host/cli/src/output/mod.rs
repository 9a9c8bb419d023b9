//! What commands print: tables for people, JSON and YAML for programs.

mod access;
mod apps;
mod audit;
mod backups;
mod blocks;
mod bundles;
mod certificates;
mod clusters;
mod config;
mod contexts;
mod data;
mod droplets;
mod factors;
mod identities;
mod jobs;
mod keys;
mod links;
mod load_balancer;
mod logging;
mod logs;
mod metrics;
mod plans;
mod platform_log;
mod plugins;
mod ports;
mod projects;
mod queues;
mod quotas;
mod roles;
mod routes;
mod sheet;
mod static_ip;
mod status;
mod terms;
#[cfg(test)]
mod tests;
pub mod text;
mod tokens;
mod users;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;
use time::OffsetDateTime;

pub use self::{
    config::settled, contexts::ContextRow, logs::log_line, platform_log::platform_line,
    ports::HostPorts, queues::Queues, sheet::Sheet, status::HostStatuses,
};
use crate::failure::{Exit, Failure};

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// As the API says it
    Json,
    /// The same as YAML
    Yaml,
}

/// Something that people can look at.
pub trait View: Serialize {
    /// Puts it on the sheet.
    fn show(&self, sheet: &mut Sheet);
}

/// Standard output in the format that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
}

impl Output {
    /// Output in the given format.
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// The format, for output that comes in parts.
    pub fn format(self) -> Format {
        self.format
    }

    /// Prints something that was asked for.
    ///
    /// # Errors
    /// If standard output takes no more.
    pub fn show<T: View>(self, value: &T) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                let mut sheet = Sheet::new(OffsetDateTime::now_utc(), is_colourful());
                value.show(&mut sheet);
                print(&sheet.into_text())
            }
            _ => self.print_data(value),
        }
    }

    /// Says what a command has changed: a line for people, the object for
    /// programs.
    ///
    /// # Errors
    /// If standard output takes no more.
    pub fn done<T: Serialize>(self, line: &str, value: &T) -> Result<(), Failure> {
        match self.format {
            Format::Table => print(&format!("{line}\n")),
            _ => self.print_data(value),
        }
    }

    fn print_data<T: Serialize>(self, value: &T) -> Result<(), Failure> {
        print(&data(self.format, value)?)
    }
}

/// A value as JSON or YAML, with a line feed at the end.
///
/// # Errors
/// If the value has no such form, which plain data has.
pub fn data<T: Serialize>(format: Format, value: &T) -> Result<String, Failure> {
    let failed = |error: String| Failure::new(Exit::Failure, format!("cannot be printed: {error}"));
    let mut text = match format {
        Format::Yaml => {
            serde_saphyr::to_string(value).map_err(|error| failed(error.to_string()))?
        }
        Format::Table | Format::Json => {
            serde_json::to_string_pretty(value).map_err(|error| failed(error.to_string()))?
        }
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Prints to standard output as it is.
///
/// # Errors
/// If standard output takes no more.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Whether colours are welcome on standard output.
fn is_colourful() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
