//! `muster config`

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use clap::{Args, Subcommand};
use muster_api::plan::Plan;
use serde_json::{Map, Value};

use super::{Scope, deletion::DeletionArgs};
use crate::{client::Client, explain::explained, failure::Failure, output::settled};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List the sections
    List,
    /// Show a section: every key with its value, its default and what it means;
    /// secrets are hidden
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
        #[command(flatten)]
        deletion: DeletionArgs,
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
        ConfigCommand::Show { section } => {
            let view = client.config(&section).await?;
            let explained = explained(view, &client.description().await?);
            scope.output.show(&explained)
        }
        ConfigCommand::Set(args) => {
            let values = wanted(&client, &args).await?;
            let set = client.set_config(&args.section, &values, args.dry_run);
            scope.output.show(&set.await?)
        }
        ConfigCommand::Reset { section, deletion } => {
            let plan = async || {
                let before = client.config(&section).await?;
                let after = client.reset_config(&section, true).await?;
                Ok(difference(&before.values, &after.values))
            };
            let question = format!("Give the section {section} its defaults?");
            if !deletion.agreed(scope, &question, plan).await? {
                return Ok(());
            }
            scope
                .output
                .show(&client.reset_config(&section, false).await?)
        }
    }
}

/// What differs, a line for each value.
fn difference(before: &Value, after: &Value) -> Plan {
    let (old, new) = (settled(before), settled(after));
    let is = |values: &BTreeMap<String, String>, name: &str| {
        values.get(name).map_or("none", String::as_str).to_owned()
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let lines = names.into_iter().filter_map(|name| {
        let (was, is) = (is(&old, name), is(&new, name));
        (was != is).then(|| format!("{name}: {was} → {is}"))
    });
    Plan {
        changes: lines.collect(),
        ..Plan::default()
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
