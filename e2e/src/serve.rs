//! `muster serve` that is to end by itself.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use crate::host::{PASSWORD, muster_binary};

/// How long it may take to refuse; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a host ended that did not serve.
#[derive(Debug)]
pub struct Refusal {
    /// The exit code.
    pub code: i32,
    /// What it told.
    pub told: String,
}

/// Starts a host that must refuse to serve.
///
/// # Panics
/// If it does not end, or is killed.
pub async fn refuse_to_serve<A: AsRef<OsStr>>(arguments: &[A], env: &[(&str, &str)]) -> Refusal {
    let ended = Command::new(muster_binary())
        .arg("serve")
        .args(arguments)
        .env("MUSTER_INITIAL_PASSWORD", PASSWORD)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, ended)
        .await
        .expect("the host should have refused to serve")
        .expect("the muster binary runs");
    let mut told = String::from_utf8_lossy(&output.stdout).into_owned();
    told.push_str(&String::from_utf8_lossy(&output.stderr));
    Refusal {
        code: output.status.code().expect("it ends by itself"),
        told,
    }
}
