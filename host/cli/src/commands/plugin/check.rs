//! `muster plugin check`

use std::path::PathBuf;

use clap::Args;
use muster_conformance::{Inspection, inspect};
use serde::Serialize;

use super::{Scope, read};
use crate::{
    client::ClientError,
    failure::{Exit, Failure},
};

/// Which plugin.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The plugin's component
    file: PathBuf,
    /// Judge by the contracts of this program alone, without asking a host
    #[arg(long)]
    local: bool,
}

/// What a plugin is, and what becomes of it.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// What it is and wants.
    #[serde(flatten)]
    pub plugin: Inspection,
    /// Whether a host was asked.
    pub asked: bool,
    /// Whether the host would take it; without a host, whether one of this
    /// version would try it out.
    pub taken: bool,
    /// What the host would do, or why it would not.
    pub told: Vec<String>,
}

impl Checked {
    /// Whose word it is.
    pub fn who(&self) -> &'static str {
        if self.asked {
            "the host"
        } else {
            "a host of this version"
        }
    }
}

/// Says what a plugin is.
///
/// # Errors
/// If the file is no plugin, or it would not be taken, which is told all the same.
pub async fn run(scope: &Scope, args: CheckArgs) -> Result<(), Failure> {
    let wasm = read(&args.file)?;
    let place = args.file.display();
    let plugin = inspect(&wasm).map_err(|error| Failure::usage(format!("{place}: {error}")))?;
    let client = match args.local {
        true => None,
        false => scope.client_if_logged_in()?,
    };
    let asked = client.is_some();
    let (taken, told) = match client {
        Some(client) => {
            let planned = client.plan_role(&plugin.role, wasm, None).await;
            match planned {
                Ok(plan) => (true, plan.changes),
                // What is wrong with the plugin, or with having it beside others.
                Err(ClientError::Refused(problem)) if [409, 422].contains(&problem.status) => {
                    let fields = problem.fields.into_iter().map(|field| field.message);
                    (
                        false,
                        std::iter::once(problem.detail).chain(fields).collect(),
                    )
                }
                Err(ClientError::Refused(problem)) if problem.status == 403 => {
                    return Err(Failure::from(*problem)
                        .hint("with --local it is judged without asking the host"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        None => (plugin.problems.is_empty(), plugin.problems.clone()),
    };
    let checked = Checked {
        plugin,
        asked,
        taken,
        told,
    };
    scope.output.show(&checked)?;
    if taken {
        return Ok(());
    }
    let told = format!("{} would not take {}", checked.who(), checked.plugin.name);
    Err(Failure::new(Exit::Failure, told))
}
