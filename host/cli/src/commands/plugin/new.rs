//! `muster plugin new`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Scope;
use crate::{
    failure::{Exit, Failure},
    plugin_project::{PluginProject, ROLES},
};

/// The roles that plugins will play once there is a contract for them.
const LATER: [&str; 4] = ["data-services", "storage-volumes", "harbor", "custom"];

/// Which plugin to make, and where.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The plugin's name: letters from a to z, digits and hyphens
    name: String,
    /// The role that it is to play: router, stager, dea or load-balancer
    #[arg(long)]
    role: String,
    /// The language that it is to be written in: rust
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: String,
    /// The folder of the project; one of the plugin's name unless told
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
}

/// A project that was made.
#[derive(Debug, Serialize)]
struct Made<'a> {
    name: &'a str,
    role: &'a str,
    language: &'a str,
    path: String,
    /// What building it makes, from its folder on.
    component: String,
    files: Vec<String>,
}

/// Makes a project.
pub fn run(scope: &Scope, args: &NewArgs) -> Result<(), Failure> {
    let NewArgs {
        name,
        role,
        lang,
        path,
    } = args;
    if let Some(problem) = PluginProject::name_problem(name) {
        return Err(
            Failure::usage(format!("'{name}' is no name for a plugin: {problem}"))
                .hint("such as my-router"),
        );
    }
    let there_are = format!("there are {}", ROLES.join(", "));
    if LATER.contains(&role.as_str()) {
        let told = format!("there is no contract for plugins of the role '{role}' yet");
        return Err(Failure::usage(told).hint(there_are));
    }
    if !ROLES.contains(&role.as_str()) {
        let told = format!("'{role}' is no role that a plugin can play");
        return Err(Failure::usage(told).hint(there_are));
    }
    match lang.as_str() {
        "rust" => {}
        "python" => {
            let told = "projects of plugins in Python cannot be made yet";
            return Err(Failure::usage(told).hint("there is rust"));
        }
        other => {
            let told = format!("there is no language '{other}' for plugins");
            return Err(Failure::usage(told).hint("there is rust"));
        }
    }
    let folder = path.clone().unwrap_or_else(|| PathBuf::from(name));
    let place = folder.display();
    if folder.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!("{place} is there already"))
            .hint("name another folder with --path, or move that one away"));
    }
    let project = PluginProject { name, role };
    project.write(&folder).map_err(|(path, error)| {
        Failure::new(Exit::Failure, format!("{}: {error}", path.display()))
    })?;
    let made = Made {
        name,
        role,
        language: lang,
        path: place.to_string(),
        component: project.component(),
        files: project.files().into_iter().map(|(path, _)| path).collect(),
    };
    let line = format!(
        "Made the plugin {name} for the role {role} in {place}\n\
         There, `cargo test` tries it and `cargo plugin` builds it; README.md says the rest"
    );
    scope.output.done(&line, &made)
}
