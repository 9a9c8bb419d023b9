//! Hosts that benchmarks start and link.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Rig, free_port, wait_for};
use crate::{
    host::Host,
    listeners::Listeners,
    sample::{self, Client},
    step::Step,
};

/// Linked hosts, the leader first. They stop when it goes out of scope.
pub struct Group {
    /// The hosts, the leader first.
    pub members: Vec<Member>,
}

/// One host, logged in to.
pub struct Member {
    /// Its name, which is its zone's, too.
    pub name: String,
    binary: PathBuf,
    /// Of this host's files, and of the login.
    folder: PathBuf,
    listeners: Listeners,
    host: Host,
}

impl Group {
    /// Starts a host for each name, and links all others to the first.
    ///
    /// # Errors
    /// If a host does not start, or cannot be linked.
    pub fn start(rig: &Rig, folder: &Path, names: &[&str], step: &Step) -> Result<Self> {
        let mut members = Vec::new();
        for name in names {
            members.push(Member::start(rig, folder, name, step)?);
        }
        let group = Self { members };
        group.link()?;
        Ok(group)
    }

    /// Links all other hosts to the first.
    ///
    /// # Errors
    /// If one cannot be linked.
    pub fn link(&self) -> Result<()> {
        for other in &self.members[1..] {
            let token = self.leader().token()?;
            other.link_to(&token)?;
        }
        for other in &self.members[1..] {
            wait_for(&format!("{} is ready", other.name), || {
                self.leader().sees_ready(&other.name)
            })?;
        }
        Ok(())
    }

    /// The host that leads, or stands alone.
    pub fn leader(&self) -> &Member {
        &self.members[0]
    }
}

impl Member {
    /// Starts a host and logs in to it.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(rig: &Rig, folder: &Path, name: &str, step: &Step) -> Result<Self> {
        Self::start_with(rig, folder, name, &[], step)
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_with(
        rig: &Rig,
        folder: &Path,
        name: &str,
        more: &[String],
        step: &Step,
    ) -> Result<Self> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let listeners = Listeners {
            management: free_port()?,
            apps: free_port()?,
        };
        let mut arguments = listeners.to_args().to_vec();
        arguments.push(format!("--peers={}", free_port()?));
        arguments.extend(["name", "zone"].map(|flag| format!("--{flag}={name}")));
        arguments.extend_from_slice(more);
        let host = Host::start(&rig.binary, &folder.join("data"), &arguments, &rig.password)?;
        let mut member = Self {
            name: name.to_owned(),
            binary: rig.binary.clone(),
            folder,
            listeners,
            host,
        };
        member.host.wait_ready(listeners.management, step)?;
        member.login(rig, step)?;
        Ok(member)
    }

    /// Logs in to it, also anew once it answers with the state of a cluster.
    ///
    /// # Errors
    /// If it refuses.
    pub fn login(&self, rig: &Rig, step: &Step) -> Result<()> {
        self.client(|client| client.login(&self.listeners, &rig.password, step))
    }

    /// Has it take as many requests as come.
    ///
    /// # Errors
    /// If it refuses.
    pub fn take_any_rate(&self) -> Result<()> {
        self.ask(["config", "set", "rate-limits", "enabled=false"])
            .map(drop)
    }

    /// Where its API is.
    pub fn url(&self) -> String {
        self.listeners.url()
    }

    /// How long processors have worked for it, in seconds.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn busy(&self) -> Result<f64> {
        self.host.busy()
    }

    /// Where it answers for apps.
    pub fn apps(&self) -> SocketAddr {
        self.listeners.apps
    }

    /// What the command answers, as JSON.
    ///
    /// # Errors
    /// If it fails.
    pub fn ask<A: Into<OsString>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Value> {
        self.client(|client| client.ask(arguments))
    }

    /// Pushes the sample app, with more lines for its `muster.toml`.
    ///
    /// # Errors
    /// If it cannot be pushed.
    pub fn push_sample(&self, rig: &Rig, more: &str, step: &Step) -> Result<()> {
        let folder = sample::stage(rig.project, &self.folder.join(sample::NAME))?;
        let file = folder.join("muster.toml");
        let known = fs::read_to_string(&file)?;
        fs::write(&file, format!("{known}\n{more}"))?;
        self.client(|client| client.push(&folder, step))
    }

    /// A new link token.
    ///
    /// # Errors
    /// If there is none.
    pub fn token(&self) -> Result<String> {
        self.token_for(&[])
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// If there is none.
    pub fn token_for(&self, more: &[&str]) -> Result<String> {
        let told = self.ask([&["link", "token"], more].concat())?;
        let token = told["token"].as_str();
        Ok(token.context("there is no token in the answer")?.to_owned())
    }

    /// Links this host to that of the token.
    ///
    /// # Errors
    /// If it is refused.
    pub fn link_to(&self, token: &str) -> Result<()> {
        self.ask(["link", "join", token]).map(drop)
    }

    /// Whether it leads a host of that name which is ready.
    ///
    /// # Errors
    /// If it does not say.
    pub fn sees_ready(&self, name: &str) -> Result<bool> {
        let told = self.ask(["link", "list"])?;
        let mut hosts = told["items"].as_array().into_iter().flatten();
        Ok(hosts.any(|host| host["name"] == name && host["state"] == "ready"))
    }

    /// The names of the hosts on which instances of the sample app run.
    ///
    /// # Errors
    /// If it does not say.
    pub fn sample_runs_on(&self) -> Result<Vec<String>> {
        let told = self.ask(["app", "show", sample::NAME])?;
        let all = told["placements"].as_array().into_iter().flatten();
        let running = all.filter(|it| it["state"] == "running");
        let hosts = running.filter_map(|it| it["host"].as_str().map(str::to_owned));
        Ok(hosts.collect())
    }

    /// Ends the host as a loss of power would.
    pub fn kill(&mut self) {
        self.host.kill();
    }

    fn client<T>(&self, work: impl FnOnce(&Client) -> Result<T>) -> Result<T> {
        // The person's own logins stay as they are.
        let config = self.folder.join("config");
        work(&Client {
            binary: &self.binary,
            config_home: Some(&config),
        })
    }
}
