//! `muster config`

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use muster_api::{bundles::BundleKind, plan::Plan};
use serde_json::{Map, Value};

use super::{Scope, deletion::DeletionArgs};
use crate::{
    client::Client,
    explain::explained,
    failure::{Exit, Failure},
    output::settled,
};

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
    /// Set the sections that a bundle of the kind settings holds, in files named
    /// SECTION.toml or SECTION.json; what a file leaves out gets its default
    Apply {
        /// The bundle
        bundle: String,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
    },
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
        ConfigCommand::Apply { bundle, dry_run } => apply(scope, &client, &bundle, dry_run).await,
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

/// Sets what a bundle holds, once the host would take all of it.
async fn apply(scope: &Scope, client: &Client, bundle: &str, dry_run: bool) -> Result<(), Failure> {
    let detail = client.bundle(bundle).await?;
    if detail.bundle.kind != BundleKind::Settings {
        let kind = format!("the bundle {bundle} holds no settings");
        return Err(Failure::usage(kind)
            .hint("put them in one with: muster bundle put NAME FOLDER --kind settings"));
    }
    let mut wanted = Vec::new();
    let mut plan = Plan::default();
    for file in &detail.files {
        let path = Path::new(&file.path);
        let section = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = client.bundle_file(bundle, &file.path).await?;
        let text = text.text().await.map_err(|error| {
            Failure::new(Exit::Failure, format!("{}: {error}", file.path)).hint("try again")
        })?;
        let values = parsed(path, &text)?;
        let there = |error| {
            let hint = format!("correct {} and put the bundle again", file.path);
            Failure::from(error).hint(hint)
        };
        let before = client.config(&section).await.map_err(there)?;
        let after = client.set_config(&section, &values, true).await;
        let after = after.map_err(there)?;
        let changes = difference(&before.values, &after.values).changes;
        plan.changes
            .extend(changes.iter().map(|line| format!("{section}: {line}")));
        wanted.push((section.into_owned(), values));
    }
    if dry_run {
        return scope.output.show(&plan);
    }
    for (section, values) in &wanted {
        client.set_config(section, values, false).await?;
    }
    plan.done = true;
    let line = format!("The settings of the bundle {bundle} count");
    scope.output.done(&line, &plan)
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
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    parsed(path, &text)
}

/// The values in a file, which is TOML unless it ends in `.json`.
fn parsed(path: &Path, text: &str) -> Result<Value, Failure> {
    let failed = |error: String| Failure::usage(format!("{}: {error}", path.display()));
    if path.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_str(text).map_err(|error| failed(error.to_string()))
    } else {
        toml::from_str(text).map_err(|error| failed(error.to_string()))
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
