//! The sample app, pushed with the real command.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    guests,
    listeners::Listeners,
    project::Project,
    step::{Step, ask},
};

/// The sample's name, as an app and as a folder.
pub const NAME: &str = "hello";
/// The host name that its `muster.toml` routes to it.
pub const HOST: &str = "hello.localhost";
/// A host's first user.
pub const USER: &str = "admin";

/// Puts the sample app's folder together: its `muster.toml` and the component.
///
/// # Errors
/// If the sample was not built, or the folder cannot be written.
pub fn stage(project: &Project, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    let component = format!("{NAME}.wasm");
    let source = project.path("plugins/samples").join(NAME);
    for (from, name) in [
        (source, "muster.toml"),
        (guests::dist(project), component.as_str()),
    ] {
        let from = from.join(name);
        fs::copy(&from, folder.join(name))
            .with_context(|| format!("could not copy {}", from.display()))?;
    }
    Ok(folder.to_owned())
}

/// The command `muster` as a client.
pub struct Client<'a> {
    /// Its path.
    pub binary: &'a Path,
    /// Where it keeps its logins; else with the person's own.
    pub config_home: Option<&'a Path>,
}

impl Client<'_> {
    /// Logs in at a host as its first user.
    ///
    /// # Errors
    /// If the command fails; its output is shown.
    pub fn login(&self, listeners: &Listeners, password: &str, step: &Step) -> Result<()> {
        let mut command = self.command();
        command.args([
            "login",
            "--url",
            &listeners.url(),
            "--user",
            USER,
            "--password-stdin",
        ]);
        step.run_with_input(command, &format!("{password}\n"))
    }

    /// Pushes the sample app from its folder.
    ///
    /// # Errors
    /// If the command fails; its output is shown.
    pub fn push(&self, folder: &Path, step: &Step) -> Result<()> {
        let mut command = self.command();
        command.args(["app", "push", NAME, "--path"]).arg(folder);
        step.run(command)
    }

    /// What the command says, as JSON.
    ///
    /// # Errors
    /// If it fails, or says something else.
    pub fn ask<A: Into<OsString>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Value> {
        let mut command = self.command();
        command.args(arguments.into_iter().map(Into::into));
        let told = ask(command.args(["--output", "json"]))?;
        serde_json::from_str(&told).with_context(|| format!("this is not JSON: {told}"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.binary);
        // They would lead to another host than the one logged in to.
        command.env_remove("MUSTER_URL").env_remove("MUSTER_TOKEN");
        if let Some(folder) = self.config_home {
            command.env("XDG_CONFIG_HOME", folder);
        }
        command
    }
}
