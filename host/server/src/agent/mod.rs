//! The agent makes this host match what control wants. It looks at everything
//! anew each time: a lost wake-up costs time, never truth.

mod health;
pub(crate) mod instances;
mod publish;
mod settle;
pub(crate) mod starter;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use muster_api::apps::DesiredState;
use muster_engine::plugin::execution::{Action, Desired, Snapshot};
use muster_ingress::{Backends, RouteTable};
use muster_store::{AppRecord, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{
    agent::{instances::Instances, starter::Starter},
    control::rollouts,
    logs::Logs,
    roles::Roles,
};

/// How long the agent waits when nothing happens.
const LOOK_AROUND: Duration = Duration::from_secs(5);
/// The shortest pause between two rounds, so that a burst of changes is one.
const PAUSE: Duration = Duration::from_millis(5);

/// What the agent works with.
pub(crate) struct Agent {
    pub(crate) store: Store,
    pub(crate) roles: Arc<Roles>,
    pub(crate) instances: Arc<Instances>,
    pub(crate) starter: Starter,
    pub(crate) table: Arc<RouteTable>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) started: Instant,
}

impl Agent {
    /// Works until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut revisions = self.store.revisions();
        loop {
            revisions.mark_unchanged();
            let changed = self.instances.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let wait = match self.round().await {
                Ok(again) => again.unwrap_or(LOOK_AROUND).min(LOOK_AROUND),
                Err(error) => {
                    tracing::error!(%error, "the agent cannot read what should run; apps go on as they are");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                _ = revisions.changed() => {}
                () = changed => {}
                () = self.roles.changed() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One look at what should be and what is. Says when to look again.
    async fn round(&self) -> Result<Option<Duration>, StoreError> {
        let mut apps = self.store.app_all().await?;
        self.publish(&apps).await?;
        let again = self.decide(&mut apps).await?;
        self.publish(&apps).await?;
        let has_dea = self.roles.has_dea();
        if !has_dea {
            self.give_up_rollouts(&apps).await?;
        }
        settle::jobs(&self.store, &self.instances, has_dea).await?;
        Ok(again)
    }

    /// Without the role nothing would ever come of a roll-out.
    async fn give_up_rollouts(&self, apps: &[AppRecord]) -> Result<(), StoreError> {
        for app in apps {
            if let Some(next) = app.next_release {
                let why = Some(settle::NO_DEA.to_owned());
                rollouts::finish(&self.store, app.id, next, why).await?;
            }
        }
        Ok(())
    }

    /// Asks the droplet execution agent plugin and does what it says.
    async fn decide(&self, apps: &mut [AppRecord]) -> Result<Option<Duration>, StoreError> {
        let snapshot = self.snapshot(apps);
        let roles = Arc::clone(&self.roles);
        let Ok(Some(decisions)) =
            tokio::task::spawn_blocking(move || roles.decide(&snapshot)).await
        else {
            return Ok(None);
        };
        for action in decisions.actions {
            self.act(action, apps).await?;
        }
        if self.roles.evacuating() && self.instances.snapshot().is_empty() {
            self.roles.evacuated();
        }
        Ok(decisions.again_ms.map(Duration::from_millis))
    }

    fn snapshot(&self, apps: &[AppRecord]) -> Snapshot {
        let mut desired: Vec<Desired> = apps
            .iter()
            .filter(|app| app.state == DesiredState::Started)
            .map(|app| Desired {
                app: app.id.to_string(),
                current: app.current_release,
                next: app.next_release,
                instances: app.instances,
            })
            .collect();
        desired.sort_by(|a, b| a.app.cmp(&b.app));
        Snapshot {
            now_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            evacuating: self.roles.evacuating(),
            desired,
            instances: self.instances.snapshot(),
        }
    }

    async fn act(&self, action: Action, apps: &mut [AppRecord]) -> Result<(), StoreError> {
        let find =
            |apps: &[AppRecord], id: &str| apps.iter().position(|app| app.id.to_string() == id);
        match action {
            Action::Start(start) => {
                if let Some(place) = find(apps, &start.app) {
                    let app = &apps[place];
                    self.starter
                        .start(app.id, &app.name, start.release, start.index);
                }
            }
            Action::Stop(stop) => {
                self.instances
                    .stop(&stop.instance, Duration::from_millis(stop.grace_ms));
                tracing::info!(
                    instance = stop.instance,
                    reason = stop.reason,
                    "stopping an instance"
                );
            }
            Action::Forget(instance) => self.instances.forget(&instance),
            Action::Finish(rollout) => {
                let Some(place) = find(apps, &rollout.app) else {
                    return Ok(());
                };
                match &rollout.failure {
                    Some(why) => {
                        let line = format!("release {} was given up: {why}", rollout.release);
                        self.logs.platform(&apps[place].name, &line);
                    }
                    // Whoever waits for the end of the roll-out must not meet
                    // the old release after it.
                    None => {
                        apps[place].current_release = Some(rollout.release);
                        self.publish(apps).await?;
                    }
                }
                rollouts::finish(
                    &self.store,
                    apps[place].id,
                    rollout.release,
                    rollout.failure,
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Tells the data path what runs and which routes lead there.
    async fn publish(&self, apps: &[AppRecord]) -> Result<(), StoreError> {
        let routes = self.store.route_all().await?;
        let serving = publish::serving(&self.instances, apps);
        self.backends
            .replace(publish::backends(&serving, apps, &self.backends));
        self.table.replace(publish::routes(&serving, &routes));
        self.instances.published(&serving);
        Ok(())
    }
}
