//! `muster term`

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use muster_api::{
    page::Page,
    terms::{Acceptance, NewTerm, TermFormat},
};

use super::Scope;
use crate::{
    failure::{Exit, Failure},
    output::{self, Format, text},
};

/// What to do with terms of use.
#[derive(Debug, Subcommand)]
pub enum TermCommand {
    /// Add a version, which everybody has to accept at their next login
    Add(AddArgs),
    /// List the versions, newest first
    List,
    /// Show a version with its text; the newest unless told
    Show {
        /// The version
        version: Option<u64>,
    },
    /// List who accepted what and when
    Acceptances {
        /// Only those of this version
        #[arg(long)]
        version: Option<u64>,
        /// For a file: csv or json
        #[arg(long, value_enum)]
        format: Option<Export>,
    },
}

/// A version to add.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The text, in a file
    file: PathBuf,
    /// text/markdown, text/plain or text/html; by the file's ending unless told
    #[arg(long, value_name = "TYPE", value_parser = media_type)]
    media_type: Option<TermFormat>,
}

/// What a list is exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// Comma-separated values
    Csv,
    /// JSON
    Json,
}

/// Does it.
///
/// # Errors
/// If the host refuses, or the file cannot be read.
pub async fn run(scope: &Scope, command: TermCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        TermCommand::Add(args) => {
            let path = args.file.display();
            let text = fs::read_to_string(&args.file)
                .map_err(|error| Failure::usage(format!("{path}: {error}")))?;
            let ending = args.file.extension().and_then(|ending| ending.to_str());
            let media_type = args.media_type.unwrap_or(match ending {
                Some("txt") => TermFormat::Plain,
                Some("html" | "htm") => TermFormat::Html,
                _ => TermFormat::Markdown,
            });
            let added = client.add_term(&NewTerm { media_type, text }).await?;
            let line = format!(
                "Version {} of the terms of use counts; everybody is asked at their next login",
                added.version
            );
            scope.output.done(&line, &added)
        }
        TermCommand::List => scope.output.show(&client.terms().await?),
        TermCommand::Show { version } => {
            let version = match version {
                Some(version) => version,
                None => {
                    let newest = client.terms().await?.items.into_iter().next();
                    let none = || Failure::new(Exit::NotFound, "there are no terms of use");
                    newest.ok_or_else(none)?.version
                }
            };
            scope.output.show(&client.term(version).await?)
        }
        TermCommand::Acceptances { version, format } => {
            let found = client.acceptances(version).await?;
            match format {
                Some(Export::Csv) => output::print(&csv(&found)),
                Some(Export::Json) => output::print(&output::data(Format::Json, &found.items)?),
                None => scope.output.show(&found),
            }
        }
    }
}

fn media_type(word: &str) -> Result<TermFormat, String> {
    [TermFormat::Markdown, TermFormat::Plain, TermFormat::Html]
        .into_iter()
        .find(|format| format.word() == word)
        .ok_or_else(|| "it is text/markdown, text/plain or text/html".to_owned())
}

/// Acceptances as CSV (RFC 4180). No field can hold a comma, a quote or what a
/// spreadsheet would compute: versions, ids, names, addresses and times.
fn csv(found: &Page<Acceptance>) -> String {
    let mut csv = "version,user,name,origin,accepted_at\r\n".to_owned();
    for accepted in &found.items {
        let fields = [
            accepted.version.to_string(),
            accepted.user.to_string(),
            accepted.name.clone(),
            accepted.origin.clone().unwrap_or_default(),
            text::moment(accepted.accepted_at),
        ];
        csv.push_str(&fields.join(","));
        csv.push_str("\r\n");
    }
    csv
}
