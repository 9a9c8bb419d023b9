//! The console in a real browser: specs in JavaScript, each run against hosts of
//! its own.

use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    guests::{guest_path, workspace},
    host::{Host, PASSWORD},
    servers::installed,
};

/// What the specs are told: the hosts by name, and what goes with them.
#[must_use]
pub fn told(hosts: &[(&str, &Host)]) -> Value {
    let hosts: Vec<_> = hosts
        .iter()
        .map(|(name, host)| json!({ "name": name, "url": host.url(), "apps": host.apps() }))
        .collect();
    json!({ "hosts": hosts, "password": PASSWORD, "hello": guest_path("hello") })
}

/// Runs a spec of `e2e/console` to its end.
///
/// # Panics
/// If the browser is not installed, or the console is not as it should be.
pub async fn run_spec(spec: &str, told: Value) {
    let folder = TempDir::new().expect("a temporary directory");
    let path = folder.path().to_owned();
    let modules = installed("console_modules");
    symlink(modules, path.join("node_modules")).expect("a link");
    for entry in fs::read_dir(workspace().join("e2e/console")).expect("the specs are there") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), path.join(entry.file_name())).expect("a copy");
    }
    let mut command = Command::new(installed("node"));
    command
        .current_dir(&path)
        .args(["run.mjs", spec, &told.to_string()])
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("it ends").expect("node runs");
    assert!(
        output.status.success(),
        "{spec}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
