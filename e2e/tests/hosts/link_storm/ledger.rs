//! What hosts have been told of apps, as far as they have said yes: none of it
//! may get lost.

use std::collections::BTreeMap;

use muster_api::{
    id::JobId,
    jobs::{Job, JobState},
};
use muster_e2e::Client;

/// The apps of all hosts: by the number of the host that was told, and by name.
#[derive(Debug, Default)]
pub struct Ledger {
    apps: BTreeMap<(usize, String), Told>,
    /// The newest version of the sample app that was pushed.
    version: u32,
}

/// What was told of an app.
#[derive(Debug, Clone)]
pub struct Told {
    /// The versions that were pushed, the newest last, with their jobs.
    pushes: Vec<(JobId, u32)>,
    /// How many instances it should have.
    pub instances: u32,
}

/// What must have come of it.
#[derive(Debug)]
pub struct Due {
    /// The version that answers; nothing if no push went well.
    pub version: Option<u32>,
    /// How many instances run of it.
    pub instances: u32,
}

impl Ledger {
    /// The number of a version that was never pushed.
    pub fn next_version(&mut self) -> u32 {
        self.version += 1;
        self.version
    }

    /// A host has accepted a push.
    pub fn pushed(&mut self, host: usize, app: &str, job: JobId, version: u32) {
        let told = self.apps.entry((host, app.to_owned()));
        let told = told.or_insert_with(|| Told {
            pushes: Vec::new(),
            instances: 1,
        });
        told.pushes.push((job, version));
    }

    /// A host has accepted another number of instances.
    pub fn scaled(&mut self, host: usize, app: &str, instances: u32) {
        let told = self.apps.get_mut(&(host, app.to_owned()));
        told.expect("only what was pushed can be scaled").instances = instances;
    }

    /// A host has deleted an app.
    pub fn deleted(&mut self, host: usize, app: &str) {
        let known = self.apps.remove(&(host, app.to_owned()));
        known.expect("only what was pushed can be deleted");
    }

    /// The apps that a host was told of.
    pub fn of(&self, host: usize) -> impl Iterator<Item = (&str, &Told)> {
        let apps = self.apps.iter();
        apps.filter(move |((owner, _), _)| *owner == host)
            .map(|((_, name), told)| (name.as_str(), told))
    }

    /// The names of all apps.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.apps.keys().map(|(_, name)| name.as_str())
    }
}

impl Told {
    /// What must have come of it on a host that decides on its apps; nothing
    /// while one of its pushes is under way.
    ///
    /// # Errors
    /// If a push was lost, or an older one took the place of a newer one.
    pub async fn due(&self, client: &Client) -> Result<Option<Due>, String> {
        let mut version = None;
        for (place, (job, pushed)) in self.pushes.iter().enumerate() {
            let job: Job = client.get(&format!("/jobs/{job}")).await;
            if !job.state.is_final() {
                return Ok(None);
            }
            if job.state == JobState::Succeeded {
                version = Some(*pushed);
                continue;
            }
            let why = job.problem.map(|problem| problem.detail);
            let why = why.unwrap_or_default();
            if place + 1 == self.pushes.len() && why.contains("superseded") {
                return Err(format!("the newest push, version {pushed}, was {why}"));
            }
        }
        Ok(Some(Due {
            version,
            instances: self.instances,
        }))
    }

    /// Why pushes failed, for whoever reads what a sequence did.
    pub async fn failures(&self, client: &Client) -> Vec<String> {
        let mut all = Vec::new();
        for (job, version) in &self.pushes {
            let job: Job = client.get(&format!("/jobs/{job}")).await;
            if let Some(problem) = job.problem {
                all.push(format!("version {version}: {}", problem.detail));
            }
        }
        all
    }
}
