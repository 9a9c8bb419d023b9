//! Servers that end-to-end tests sign in at and send mail to: a directory, a
//! provider of OpenID Connect and an SMTP server; and the tools with which they
//! put hosts on networks of their own.
//!
//! They are only put where the tests find them, which start and stop them.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    debian, fixtures,
    project::{Project, on_path, search_path},
    step::{Step, ask},
};

/// What the step is called.
pub const TITLE: &str = "install servers for tests";

const SOURCES: &str = "e2e/servers";
/// Where the tests look.
const PLACE: &str = "target/servers";
const SLAPD: &str = "/usr/sbin/slapd";
/// Tools for networks, and whose they are.
const NETWORK: [(&str, &str); 3] = [("ip", "iproute2"), ("nft", "nftables"), ("socat", "socat")];

/// Installs the servers and what they need.
///
/// # Errors
/// If something cannot be installed.
pub fn prepare(project: &Project, step: &Step) -> Result<()> {
    let place = project.path(PLACE);
    fs::create_dir_all(&place).with_context(|| format!("could not create {}", place.display()))?;
    directory(step, &place)?;
    network(step)?;
    node(project, step, &place)
}

fn directory(step: &Step, place: &Path) -> Result<()> {
    if !Path::new(SLAPD).is_file() {
        debian::install(step, &["slapd"])?;
    }
    if !on_path("openssl") {
        debian::install(step, &["openssl"])?;
    }
    // A copy, since AppArmor keeps Debian's own from files of other folders.
    let copy = place.join("slapd");
    let fresh = place.join("slapd.new");
    fs::copy(SLAPD, &fresh).with_context(|| format!("could not copy {SLAPD}"))?;
    fs::rename(&fresh, &copy).with_context(|| format!("could not write {}", copy.display()))
}

fn network(step: &Step) -> Result<()> {
    // Where only root's programs are is not on everybody's path.
    let there = |program| on_path(program) || Path::new("/usr/sbin").join(program).is_file();
    let missing = NETWORK.iter().filter(|(program, _)| !there(program));
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    debian::install(step, &packages)
}

fn node(project: &Project, step: &Step, place: &Path) -> Result<()> {
    let programs = fixtures::node(project, step)?;
    let path = search_path(&[&programs])?;
    let cache = project.cache().join("servers");
    let sources = project.path(SOURCES);
    let manifests = ["package.json", "package-lock.json"].map(|name| sources.join(name));
    let [manifest, lock] = &manifests;
    fixtures::once(&cache, &fixtures::contents(&[manifest, lock])?, || {
        for file in &manifests {
            fixtures::copy_into(file, &cache)?;
        }
        let mut command = Command::new(programs.join("npm"));
        command.current_dir(&cache).env("PATH", &path);
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        step.run(command)
    })?;
    // The program itself, not one that starts it: the tests end what they start.
    let mut node = Command::new(programs.join("node"));
    let node = PathBuf::from(ask(node.args(["--print", "process.execPath"]))?);
    link(&node, &place.join("node"))?;
    link(&cache.join("node_modules"), &place.join("node_modules"))
}

/// Makes a link, in place of an earlier one.
fn link(to: &Path, at: &Path) -> Result<()> {
    let fresh = at.with_extension("new");
    let _ = fs::remove_file(&fresh);
    symlink(to, &fresh)
        .and_then(|()| fs::rename(&fresh, at))
        .with_context(|| format!("could not link {}", at.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_may_be_made_again() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path().join("link");
        for name in ["one", "two"] {
            let to = root.path().join(name);
            fs::write(&to, name).unwrap();
            link(&to, &at).unwrap();
            assert_eq!(fs::read_to_string(&at).unwrap(), name);
        }
    }
}
