//! Servers that tests keep state and blocks on, sign in at, send mail to and have as a bus:
//! databases, an S3 server, a directory, a provider of OpenID Connect, an SMTP server and NATS;
//! the tools with which they put hosts on networks of their own, and the library with which
//! they set clocks.
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
/// What the console is looked at with.
const CONSOLE: &str = "e2e/console";
const CHROMIUM: &str = "/usr/bin/chromium";
/// Where the tests look.
const PLACE: &str = "target/servers";
/// Where Debian puts PostgreSQL, a folder for each version.
const POSTGRES: &str = "/usr/lib/postgresql";
const SLAPD: &str = "/usr/sbin/slapd";
/// Where Debian puts libraries, a folder for each architecture.
const LIBRARIES: &str = "/usr/lib";
/// The library that fakes time, in one of them.
const CLOCK: &str = "faketime/libfaketimeMT.so.1";
/// Tools for networks, and whose they are.
const NETWORK: [(&str, &str); 3] = [("ip", "iproute2"), ("nft", "nftables"), ("socat", "socat")];

/// Installs the servers and what they need.
///
/// # Errors
/// If something cannot be installed.
pub fn prepare(project: &Project, step: &Step) -> Result<()> {
    let place = place(project)?;
    directory(step, &place)?;
    databases(step, &place)?;
    network(step)?;
    clock(step, &place)?;
    s3(project, step, &place)?;
    bus(project, step, &place)?;
    node(project, step, &place)?;
    browser(project, step, &place)
}

/// Where the tests look.
///
/// # Errors
/// If it cannot be made.
pub fn place(project: &Project) -> Result<PathBuf> {
    let place = project.path(PLACE);
    fs::create_dir_all(&place).with_context(|| format!("could not create {}", place.display()))?;
    Ok(place)
}

/// A browser, and the modules that steer it.
///
/// # Errors
/// If something cannot be installed.
pub fn browser(project: &Project, step: &Step, place: &Path) -> Result<()> {
    if !Path::new(CHROMIUM).is_file() {
        debian::install(step, &["chromium"])?;
    }
    let modules = modules(project, step, CONSOLE, "console")?;
    link(&modules, &place.join("console_modules"))
}

fn s3(project: &Project, step: &Step, place: &Path) -> Result<()> {
    let requirements = project.path(SOURCES).join("requirements.txt");
    let folder = project.cache().join("servers-python");
    fixtures::virtual_environment(step, &folder, &requirements)?;
    link(&folder, &place.join("python"))
}

/// The NATS of Debian is old; the registry of Python has the server's own program.
fn bus(project: &Project, step: &Step, place: &Path) -> Result<()> {
    let requirements = project.path(SOURCES).join("nats.txt");
    let folder = project.cache().join("servers-nats");
    let programs = fixtures::virtual_environment(step, &folder, &requirements)?;
    link(&programs.join("nats-server"), &place.join("nats-server"))
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

/// PostgreSQL.
///
/// # Errors
/// If it cannot be installed.
pub fn databases(step: &Step, place: &Path) -> Result<()> {
    let programs = match newest_postgres() {
        Some(programs) => programs,
        None => {
            debian::install(step, &["postgresql"])?;
            newest_postgres().with_context(|| format!("there is no server in {POSTGRES}"))?
        }
    };
    link(&programs, &place.join("postgresql"))
}

/// Where the programs of the newest PostgreSQL are that has a server.
fn newest_postgres() -> Option<PathBuf> {
    let versions = fs::read_dir(POSTGRES).ok()?.flatten();
    let version = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .map(|entry| entry.path())
        .filter(|folder| folder.join("bin/postgres").is_file())
        .max_by_key(|folder| version(folder))
        .map(|folder| folder.join("bin"))
}

fn network(step: &Step) -> Result<()> {
    // Where only root's programs are is not on everybody's path.
    let there = |program| on_path(program) || Path::new("/usr/sbin").join(program).is_file();
    let missing = NETWORK.iter().filter(|(program, _)| !there(program));
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    debian::install(step, &packages)
}

fn clock(step: &Step, place: &Path) -> Result<()> {
    let library = match clock_library() {
        Some(library) => library,
        None => {
            debian::install(step, &["libfaketime"])?;
            clock_library().with_context(|| format!("there is no {CLOCK} in {LIBRARIES}"))?
        }
    };
    link(&library, &place.join("libfaketime.so"))
}

fn clock_library() -> Option<PathBuf> {
    let folders = fs::read_dir(LIBRARIES).ok()?.flatten();
    let mut libraries = folders.map(|entry| entry.path().join(CLOCK));
    libraries.find(|library| library.is_file())
}

fn node(project: &Project, step: &Step, place: &Path) -> Result<()> {
    let programs = fixtures::node(project, step)?;
    let modules = modules(project, step, SOURCES, "servers")?;
    // The program itself, not one that starts it: the tests end what they start.
    let mut node = Command::new(programs.join("node"));
    let node = PathBuf::from(ask(node.args(["--print", "process.execPath"]))?);
    link(&node, &place.join("node"))?;
    link(&modules, &place.join("node_modules"))
}

/// Installs what a folder's manifest names and returns where.
fn modules(project: &Project, step: &Step, sources: &str, name: &str) -> Result<PathBuf> {
    let programs = fixtures::node(project, step)?;
    let path = search_path(&[&programs])?;
    let cache = project.cache().join(name);
    let sources = project.path(sources);
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
    Ok(cache.join("node_modules"))
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
