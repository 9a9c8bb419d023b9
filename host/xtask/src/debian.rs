//! Debian's packages.

use std::{
    fs,
    io::IsTerminal,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{project::on_path, step::Step, step::ask};

/// Calls `apt-get` with the arguments, and lets no package start a service: what
/// chores install are programs for the project, which has its own ways to start
/// them. A policy that is there already stays.
const APT: &str = r#"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get "$@"
"#;

/// Whether this machine installs its packages as Debian does.
pub fn here() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| is_debian(&text)) && on_path("apt-get")
}

/// Installs those of the packages that are missing.
///
/// # Errors
/// If this is not Debian, nobody here may install packages, or `apt-get`
/// fails; the message names the packages.
pub fn install(step: &Step, packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !here() {
        bail!(
            "this needs {names} (so Debian 12 calls them): install them with your system's package manager"
        );
    }
    let known = missing.iter().all(|package| is_known(package));
    if !known {
        apt(step, &["update"])?;
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    let mut result = apt(step, &arguments);
    if result.is_err() && known {
        // The lists name versions that the mirror may have replaced since.
        result = apt(step, &["update"]).and_then(|()| apt(step, &arguments));
    }
    result.with_context(|| {
        format!("could not install {names}: try `apt-get install {names}` as root")
    })
}

fn apt(step: &Step, arguments: &[&str]) -> Result<()> {
    let root = ask(Command::new("id").arg("-u"))? == "0";
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        if !on_path("sudo") {
            bail!("only root may install packages, and there is no sudo");
        }
        if !std::io::stdin().is_terminal() {
            command.arg("--non-interactive");
        }
        command.arg("env");
    }
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "sh", "-c", APT, "apt-get"])
        .args(arguments);
    // sudo may ask for a password.
    if root {
        step.run(command)
    } else {
        step.pass_through(command)
    }
}

fn is_installed(package: &str) -> bool {
    let status = ask(Command::new("dpkg-query").args([
        "--show",
        "--showformat=${db:Status-Status}",
        package,
    ]));
    status.is_ok_and(|status| status == "installed")
}

fn is_known(package: &str) -> bool {
    let mut command = Command::new("apt-cache");
    command
        .args(["show", package])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_debian(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| line.split_once('='))
        .any(|(key, value)| {
            matches!(key, "ID" | "ID_LIKE")
                && value
                    .trim_matches('"')
                    .split(' ')
                    .any(|name| name == "debian")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_children_are_recognised() {
        assert!(is_debian(
            "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n"
        ));
        assert!(is_debian("ID=raspbian\nID_LIKE=\"ubuntu debian\"\n"));
        assert!(!is_debian(
            "NAME=\"not debian\"\nID=fedora\nID_LIKE=\"rhel centos\"\n"
        ));
    }
}
