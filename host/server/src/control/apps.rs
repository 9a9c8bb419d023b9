//! Apps: what runs, how often, with what.

use std::sync::Arc;

use muster_api::{
    apps::{App, AppChange, AppDetail, DesiredState, Env, EnvChange, Rollback},
    jobs::Job,
    page::{Page, PageQuery},
    plan::Plan,
    settings::Settings,
};
use muster_store::{AppRecord, ChangeKind, JobRecord, Reader, ReleaseRecord, Store, Tx, Work};
use serde_json::json;

use super::{
    error::ControlError,
    jobs,
    plans::{compare, look},
    projects::require_active,
    quotas::Guard,
    record::{Actor, Change, record, value},
    rollouts, settings,
    terms::{Outcome, Terms},
    views::{Urls, app_view, counted, job_view, page_limit},
};
use crate::{agent::fleet::Fleet, logs::Logs};

/// The most instances of one app.
pub(crate) const MAX_INSTANCES: u32 = 1000;

/// The apps of this host.
#[derive(Clone)]
pub(crate) struct Apps {
    pub(crate) store: Store,
    pub(crate) urls: Urls,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) logs: Arc<Logs>,
}

/// The app of that name, for somebody who may do with it what they ask for.
pub(crate) async fn require_app(
    db: &Reader,
    actor: &Actor,
    name: &str,
) -> Result<AppRecord, ControlError> {
    let app = db
        .app_by_name(name)
        .await?
        .ok_or_else(|| ControlError::not_found("app", name))?;
    actor.require(app.project, "app", name)?;
    Ok(app)
}

impl Apps {
    /// One page of apps, by name.
    pub(crate) async fn list(
        &self,
        actor: &Actor,
        query: &PageQuery,
    ) -> Result<Page<App>, ControlError> {
        let among = actor.among();
        let (cursor, limit) = (query.cursor.clone(), page_limit(query)?);
        let this = self.clone();
        let page = self
            .store
            .read(move |db| {
                Box::pin(async move {
                    let found = db
                        .app_list(among.as_deref(), cursor.as_deref(), limit)
                        .await?;
                    let mut items = Vec::with_capacity(found.items.len());
                    for app in &found.items {
                        items.push(app_view(db, &this.urls, &this.fleet, app).await?);
                    }
                    Ok(Page {
                        items,
                        next: found.next,
                    })
                })
            })
            .await?;
        Ok(page)
    }

    /// One app with its instances.
    pub(crate) async fn show(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<(AppRecord, AppDetail), ControlError> {
        let app = require_app(&self.store, actor, name).await?;
        let mut placements = self.fleet.of(app.id);
        for kept in self.store.placement_list(app.id).await? {
            let name = self.fleet.name_of(kept.host);
            let told = placements.iter_mut().filter(|it| {
                (it.release, it.index, Some(&it.host)) == (kept.release, kept.index, name.as_ref())
            });
            told.for_each(|it| it.why = Some(kept.why.clone()));
        }
        let shown = AppDetail {
            app: app_view(&self.store, &self.urls, &self.fleet, &app).await?,
            placements,
        };
        Ok((app, shown))
    }

    /// An app's environment variables, with their values.
    pub(crate) async fn env(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<(AppRecord, Env), ControlError> {
        let app = require_app(&self.store, actor, name).await?;
        let release = newest_release(&self.store, &app).await?;
        let env = Env {
            env: release
                .map(|release| release.settings.env)
                .unwrap_or_default(),
        };
        Ok((app, env))
    }

    /// Lets an app run.
    pub(crate) async fn start(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Outcome<Job>, ControlError> {
        self.change(actor, terms, name, "start", |tx, app| {
            Box::pin(async move {
                if app.current_release.is_none() {
                    return Err(never_pushed(app));
                }
                app.state = DesiredState::Started;
                update(tx, app).await?;
                settle(tx, app, "start", "starting").await
            })
        })
        .await
    }

    /// Stops an app. A roll-out under way is given up.
    pub(crate) async fn stop(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Outcome<Job>, ControlError> {
        self.change(actor, terms, name, "stop", |tx, app| {
            Box::pin(async move {
                if let Some(next) = app.next_release {
                    rollouts::abandon(tx, app.id, next, "the app was stopped").await?;
                    app.next_release = None;
                }
                app.state = DesiredState::Stopped;
                update(tx, app).await?;
                settle(tx, app, "stop", "stopping").await
            })
        })
        .await
    }

    /// Replaces an app's instances by new ones of the same droplet and
    /// settings, without a gap.
    pub(crate) async fn restart(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Outcome<Job>, ControlError> {
        self.change(actor, terms, name, "restart", |tx, app| {
            Box::pin(async move {
                let release = current_release(tx, app).await?;
                app.state = DesiredState::Started;
                roll_out(tx, app, &release, &release.settings, "restart").await
            })
        })
        .await
    }

    /// Changes how many instances an app has, or their memory.
    pub(crate) async fn scale(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        to: AppChange,
    ) -> Result<Outcome<Job>, ControlError> {
        if let Some(instances) = to.instances.filter(|instances| *instances > MAX_INSTANCES) {
            let message = format!("{instances} is out of bounds: 0 to {MAX_INSTANCES}");
            return Err(ControlError::invalid("instances", message));
        }
        if to == AppChange::default() {
            return Err(ControlError::invalid(
                "instances",
                "nothing to change: name instances or memory",
            ));
        }
        self.change(actor, terms, name, "scale", move |tx, app| {
            Box::pin(async move {
                app.instances = to.instances.unwrap_or(app.instances);
                update(tx, app).await?;
                let Some(memory) = to.memory else {
                    return settle(tx, app, "scale", "scaling").await;
                };
                let release = current_release(tx, app).await?;
                let mut wanted = release.settings.clone();
                wanted.limits.memory = memory;
                settings::check(&wanted)?;
                roll_out(tx, app, &release, &wanted, "scale").await
            })
        })
        .await
    }

    /// Changes environment variables.
    pub(crate) async fn change_env(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        change: EnvChange,
    ) -> Result<Outcome<Job>, ControlError> {
        if change == EnvChange::default() {
            return Err(ControlError::invalid(
                "set",
                "nothing to change: name variables to set or to unset",
            ));
        }
        self.change(actor, terms, name, "env", move |tx, app| {
            Box::pin(async move {
                let release = newest_release(tx, app)
                    .await?
                    .ok_or_else(|| never_pushed(app))?;
                let mut wanted = release.settings.clone();
                for name in &change.unset {
                    if wanted.env.remove(name).is_none() {
                        return Err(ControlError::invalid(
                            "unset",
                            format!("there is no variable '{name}'"),
                        ));
                    }
                }
                wanted.env.extend(change.set);
                settings::check(&wanted)?;
                roll_out(tx, app, &release, &wanted, "env").await
            })
        })
        .await
    }

    /// Returns to a kept droplet, with the settings it last ran with.
    pub(crate) async fn rollback(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        to: Rollback,
    ) -> Result<Outcome<Job>, ControlError> {
        self.change(actor, terms, name, "rollback", move |tx, app| {
            Box::pin(async move {
                let current = newest_release(tx, app).await?;
                let earlier = |release: &ReleaseRecord| {
                    current.as_ref().is_none_or(|current| {
                        release.number < current.number && release.droplet != current.droplet
                    })
                };
                let mut releases = tx.release_list(app.id).await?.into_iter();
                let wanted = match to.droplet {
                    Some(id) => releases.find(|release| release.droplet == id),
                    None => releases.find(|release| release.served && earlier(release)),
                };
                let wanted = wanted.ok_or_else(|| match to.droplet {
                    Some(id) => ControlError::not_found("droplet", id.to_string()),
                    None => ControlError::Conflict {
                        code: "no-earlier-droplet",
                        message: format!("'{}' has no droplet before the current one", app.name),
                        remedy: format!("see what is kept with: muster app droplets {}", app.name),
                    },
                })?;
                roll_out(tx, app, &wanted, &wanted.settings, "rollback").await
            })
        })
        .await
    }

    /// Deletes an app with its droplets and its share of routes.
    pub(crate) async fn delete(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        let (actor, owned, terms) = (actor.clone(), name.to_owned(), terms.clone());
        let dry_run = terms.dry_run;
        let (plan, id) = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let app = require_app(tx, &actor, &owned).await?;
                    terms.check(Some(&app))?;
                    let droplets = tx.droplet_list(app.id).await?.len();
                    let mut removes = vec![
                        format!("the app {}", app.name),
                        format!(
                            "{} and {}",
                            counted(app.instances as usize, "instance"),
                            counted(droplets, "droplet")
                        ),
                    ];
                    for route in tx.route_list_for_app(app.id).await? {
                        let rest = if route.targets.len() > 1 {
                            "its share of "
                        } else {
                            ""
                        };
                        removes.push(format!("{rest}the route {}{}", route.host, route.path));
                    }
                    if !dry_run {
                        for job in tx.job_list_unfinished().await? {
                            if job.app == Some(app.id) {
                                let gone =
                                    jobs::problem("app-deleted", "The app was deleted", "", None);
                                jobs::end(tx, job.id, Err(gone), "the app was deleted").await?;
                            }
                        }
                        tx.route_delete_for_app(app.id).await?;
                        tx.app_delete(app.id).await?;
                        record(tx, &actor, change_of(&app, "delete", ChangeKind::Deleted)).await?;
                    }
                    let plan = Plan {
                        removes,
                        changes: Vec::new(),
                        done: !dry_run,
                    };
                    Ok::<_, ControlError>((plan, app.id))
                })
            })
            .await?;
        if plan.done {
            self.logs.forget(&id.to_string());
        }
        Ok(plan)
    }

    /// One change of an app, with its traces, as one transaction; or what it
    /// would do.
    async fn change<F>(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        verb: &'static str,
        work: F,
    ) -> Result<Outcome<Job>, ControlError>
    where
        F: for<'t> FnOnce(&'t Tx, &'t mut AppRecord) -> Work<'t, JobRecord, ControlError>
            + Send
            + 'static,
    {
        let (actor, name, owned) = (actor.clone(), name.to_owned(), terms.clone());
        let (job, plan) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let mut app = require_app(tx, &actor, &name).await?;
                    owned.check(Some(&app))?;
                    if verb != "stop" {
                        require_active(tx, app.project).await?;
                    }
                    let before = (value(&summary(&app)), look(tx, &app).await?);
                    let guard = Guard::before(tx, app.project).await?;
                    let job = work(tx, &mut app).await?;
                    guard.after(tx).await?;
                    let plan = compare(&before.1, &look(tx, &app).await?);
                    let mut change = change_of(&app, verb, ChangeKind::Updated);
                    change.before = before.0;
                    record(tx, &actor, change).await?;
                    Ok::<_, ControlError>((job_view(job), plan))
                })
            })
            .await?;
        Ok(terms.outcome(job, plan))
    }
}

fn never_pushed(app: &AppRecord) -> ControlError {
    ControlError::Conflict {
        code: "app-has-no-droplet",
        message: format!("'{}' has no droplet that could run", app.name),
        remedy: format!("push one with: muster app push {} --path PATH", app.name),
    }
}

async fn current_release(tx: &Tx, app: &AppRecord) -> Result<ReleaseRecord, ControlError> {
    let number = app.current_release.ok_or_else(|| never_pushed(app))?;
    tx.release_get(app.id, number)
        .await?
        .ok_or_else(|| never_pushed(app))
}

/// The release that a change builds on: the one being rolled out, if any.
pub(crate) async fn newest_release(
    db: &Reader,
    app: &AppRecord,
) -> Result<Option<ReleaseRecord>, ControlError> {
    match app.next_release.or(app.current_release) {
        Some(number) => Ok(db.release_get(app.id, number).await?),
        None => Ok(None),
    }
}

async fn update(tx: &Tx, app: &mut AppRecord) -> Result<(), ControlError> {
    app.updated_at = muster_store::now();
    tx.app_update(app).await?;
    Ok(())
}

/// A job that ends when the app's instances are what they should be.
async fn settle(
    tx: &Tx,
    app: &AppRecord,
    kind: &str,
    step: &str,
) -> Result<JobRecord, ControlError> {
    Ok(jobs::begin(tx, kind, app, json!({}), step).await?)
}

/// A job that ends when the droplet serves with these settings.
async fn roll_out(
    tx: &Tx,
    app: &mut AppRecord,
    from: &ReleaseRecord,
    wanted: &Settings,
    kind: &str,
) -> Result<JobRecord, ControlError> {
    let (release, rolls) = rollouts::begin(tx, app, from.droplet, wanted).await?;
    let job = jobs::begin(tx, kind, app, json!({ "release": release }), "rolling out").await?;
    if !rolls {
        jobs::end(
            tx,
            job.id,
            Ok(()),
            &format!("release {release} is current; the app is stopped"),
        )
        .await?;
    }
    Ok(tx.job_get(job.id).await?.unwrap_or(job))
}

fn summary(app: &AppRecord) -> serde_json::Value {
    json!({
        "state": app.state,
        "instances": app.instances,
        "current_release": app.current_release,
        "next_release": app.next_release,
    })
}

/// A change of an app, for the logs.
pub(crate) fn change_of<'a>(
    app: &'a AppRecord,
    verb: &'static str,
    kind: ChangeKind,
) -> Change<'a> {
    Change {
        resource: "app",
        project: Some(app.project),
        id: app.id.to_string(),
        name: &app.name,
        verb,
        kind,
        before: None,
        after: (kind != ChangeKind::Deleted).then(|| summary(app)),
    }
}
