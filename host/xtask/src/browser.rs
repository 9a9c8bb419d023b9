//! Scripts that steer a browser through the console of hosts (`e2e/console`).

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::project::Project;

const SCRIPTS: &str = "e2e/console";

/// A command that runs a script from the empty folder `work`. What it is `told` are the
/// hosts with their addresses, the password, and whatever else that script wants.
///
/// # Errors
/// If the scripts cannot be copied there.
pub fn script(project: &Project, work: &Path, name: &str, told: &Value) -> Result<Command> {
    let place = project.path("target/servers");
    // Scripts find their modules in folders above them.
    symlink(place.join("console_modules"), work.join("node_modules"))
        .with_context(|| format!("could not make a link in {}", work.display()))?;
    for entry in project.path(SCRIPTS).read_dir()? {
        let entry = entry?;
        fs::copy(entry.path(), work.join(entry.file_name()))?;
    }
    let mut command = Command::new(place.join("node"));
    command
        .current_dir(work)
        .args(["run.mjs", name, &told.to_string()])
        .stdin(Stdio::null());
    Ok(command)
}
