//! `muster config`

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::Scope;
use crate::{client::Client, failure::Failure};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List the sections
    List,
    /// Show a section with its values; secrets are hidden
    Show {
        /// The section, as `muster config list` shows it
        section: String,
    },
    /// Change values of a section; others stay
    Set(SetArgs),
    /// Give a section its defaults again
    Reset {
        /// The section
        section: String,
        /// Only show what it would be
        #[arg(long)]
        dry_run: bool,
    },
}

/// What to change.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The section
    section: String,
    /// A value by its name, such as min_length=12 or lockout.failures=3; what is no JSON is text
    #[arg(value_name = "KEY=VALUE", value_parser = assignment, required_unless_present = "file")]
    values: Vec<(String, Value)>,
    /// All values, in a TOML or JSON file; what it leaves out gets its default
    #[arg(long, value_name = "FILE", conflicts_with = "values")]
    file: Option<PathBuf>,
    /// Only show what it would be
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
///
/// # Errors
/// If the host refuses, or the file cannot be read.
pub async fn run(scope: &Scope, command: ConfigCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        ConfigCommand::List => scope.output.show(&client.config_sections().await?),
        ConfigCommand::Show { section } => scope.output.show(&client.config(&section).await?),
        ConfigCommand::Set(args) => {
            let values = wanted(&client, &args).await?;
            let set = client.set_config(&args.section, &values, args.dry_run);
            scope.output.show(&set.await?)
        }
        ConfigCommand::Reset { section, dry_run } => {
            let reset = client.reset_config(&section, dry_run).await?;
            scope.output.show(&reset)
        }
    }
}

async fn wanted(client: &Client, args: &SetArgs) -> Result<Value, Failure> {
    let Some(path) = &args.file else {
        let mut values = client.config(&args.section).await?.values;
        for (name, value) in &args.values {
            put(&mut values, name, value.clone());
        }
        return Ok(values);
    };
    let failed = |error: String| Failure::usage(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    if path.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
    } else {
        toml::from_str(&text).map_err(|error| failed(error.to_string()))
    }
}

/// Puts a value where its name, whose parts stand between dots, says.
fn put(values: &mut Value, name: &str, value: Value) {
    let mut place = values;
    for part in name.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = value;
}

fn assignment(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("it looks like KEY=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_json_or_text_and_go_where_their_name_says() {
        let mut values = json!({ "lockout": { "failures": 5, "first_pause": "1s" } });
        for text in [
            "lockout.failures=3",
            "host=mail.example",
            "new.deep=[1]",
            "tls=\"none\"",
        ] {
            let (name, value) = assignment(text).unwrap();
            put(&mut values, &name, value);
        }
        let expected = json!({
            "lockout": { "failures": 3, "first_pause": "1s" },
            "host": "mail.example", "new": { "deep": [1] }, "tls": "none",
        });
        assert_eq!(values, expected);
        assert!(assignment("x").is_err() && assignment("=x").is_err());
    }
}
