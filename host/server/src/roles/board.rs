//! How each role does, for whoever looks.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use muster_api::roles::RoleState;
use muster_engine::plugin::{Health, Manifest, PluginCode, PluginError};
use time::OffsetDateTime;

/// How long a role counts as failing after its last failure.
const PROBATION: Duration = Duration::from_secs(3);

/// How one role does.
#[derive(Debug, Clone)]
pub(super) struct BoardEntry {
    pub(super) state: RoleState,
    pub(super) restarts: u32,
    pub(super) last_error: Option<String>,
    pub(super) last_error_at: Option<OffsetDateTime>,
    /// The plugin in force and its digest.
    pub(super) plugin: Option<(Manifest, String)>,
}

impl Default for BoardEntry {
    fn default() -> Self {
        Self {
            state: RoleState::Absent,
            restarts: 0,
            last_error: None,
            last_error_at: None,
            plugin: None,
        }
    }
}

/// How all roles do.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<HashMap<&'static str, BoardEntry>>);

impl Board {
    /// How a role does.
    pub(super) fn get(&self, role: &str) -> BoardEntry {
        self.lock().get(role).cloned().unwrap_or_default()
    }

    /// A plugin was put in force, or none.
    pub(super) fn seated(&self, role: &str, code: Option<&PluginCode>) {
        self.update(role, |entry| {
            *entry = match code {
                Some(code) => BoardEntry {
                    state: RoleState::Running,
                    plugin: Some((code.manifest().clone(), code.digest().to_owned())),
                    ..BoardEntry::default()
                },
                // What is only stopped still has its plugin.
                None => BoardEntry {
                    plugin: entry.plugin.take(),
                    ..BoardEntry::default()
                },
            };
        });
    }

    /// Nobody plays the role until it is started.
    pub(super) fn stopped(&self, role: &str) {
        self.update(role, |entry| entry.state = RoleState::Stopped);
    }

    /// The plugin could not even be put in force.
    pub(super) fn unusable(&self, role: &str, error: &str) {
        tracing::error!(role, error, "the role's plugin cannot be used");
        self.update(role, |entry| {
            entry.state = RoleState::Failing;
            note(entry, error.to_owned());
        });
    }

    /// The plugin failed at work and will be restarted.
    pub(super) fn failed(&self, role: &str, error: &PluginError, version: u64) {
        tracing::error!(role, version, %error, "a role plugin failed and is restarted");
        metrics::counter!("muster_role_failures_total", "role" => role.to_owned()).increment(1);
        self.update_played(role, |entry| {
            entry.state = RoleState::Failing;
            entry.restarts += 1;
            note(entry, error.to_string());
        });
    }

    /// The plugin did its job.
    pub(super) fn worked(&self, role: &str) {
        self.update_played(role, |entry| entry.state = RoleState::Running);
    }

    /// The plugin said how it is.
    pub(super) fn tended(&self, role: &str, health: &Health) {
        self.update_played(role, |entry| match health {
            // What failed a moment ago says that it is well as soon as it is made
            // anew; its work has not shown that yet.
            Health::Healthy if entry.state == RoleState::Failing && failed_lately(entry) => {}
            Health::Healthy => entry.state = RoleState::Running,
            Health::Degraded(why) => {
                entry.state = RoleState::Degraded;
                note(entry, why.clone());
            }
            Health::Failing(why) => {
                entry.state = RoleState::Failing;
                note(entry, why.clone());
            }
        });
    }

    /// What comes from an instance that was let go meanwhile counts no more.
    fn update_played(&self, role: &str, change: impl FnOnce(&mut BoardEntry)) {
        self.update(role, |entry| {
            if entry.state.is_played() {
                change(entry);
            }
        });
    }

    fn update(&self, role: &str, change: impl FnOnce(&mut BoardEntry)) {
        let name = super::catalog::PLAYED_BY_PLUGINS
            .iter()
            .find(|(name, _)| *name == role);
        if let Some((name, _)) = name {
            change(self.lock().entry(name).or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, BoardEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed_lately(entry: &BoardEntry) -> bool {
    entry
        .last_error_at
        .is_some_and(|at| OffsetDateTime::now_utc() - at < PROBATION)
}

fn note(entry: &mut BoardEntry, error: String) {
    entry.last_error = Some(error);
    entry.last_error_at = Some(OffsetDateTime::now_utc());
}
