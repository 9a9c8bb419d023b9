//! An app goes into another project.

use muster_api::{permissions::Permission, plan::Plan};
use muster_store::ChangeKind;

use super::{Projects, require_active, require_project};
use crate::control::{
    apps::{change_of, require_app},
    error::ControlError,
    host_names::{self, may_use_any},
    quotas::Guard,
    record::{Actor, record, value},
    terms::Terms,
};

/// What somebody must have where an app is to take it away.
const LETTING_GO: &[Permission] = &[
    Permission::ProjectWrite,
    Permission::AppDelete,
    Permission::AppEnv,
    Permission::AppLogs,
    Permission::RouteWrite,
    Permission::JobRead,
];

impl Projects {
    /// Moves an app with its routes and jobs and what they reserved. Takes the
    /// rights of an owner where it is, for whoever moves it takes it away from
    /// everybody there; and the rights to push and to add routes where it goes.
    pub(crate) async fn move_app(
        &self,
        actor: &Actor,
        terms: &Terms,
        app: &str,
        to: &str,
    ) -> Result<Plan, ControlError> {
        let (actor, name, to, owned) =
            (actor.clone(), app.to_owned(), to.to_owned(), terms.clone());
        let mut plan = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let mut app = require_app(tx, &actor, &name).await?;
                    owned.check(Some(&app))?;
                    for permission in LETTING_GO {
                        actor.require_permission(*permission, app.project, "app", &name)?;
                    }
                    let target = require_project(tx, &actor, &to).await?;
                    let adding = Permission::RouteWrite;
                    actor.require_permission(adding, target.id, "project", &to)?;
                    let source = tx.project_get(app.project).await?;
                    if target.id == app.project {
                        return Err(ControlError::invalid("project", "the app is there already"));
                    }
                    require_active(tx, target.id).await?;
                    let guard = Guard::before(tx, target.id).await?;
                    let mut plan = Plan::default();
                    let from = source.map(|project| project.name).unwrap_or_default();
                    plan.changes
                        .push(format!("the app {name} goes from {from} to {to}"));
                    for route in tx.route_list_for_app(app.id).await? {
                        let address = format!("{}{}", route.host, route.path);
                        if route.targets.len() > 1 {
                            return Err(ControlError::Conflict {
                                code: "route-shared",
                                message: format!("the route {address} leads to other apps too"),
                                remedy: format!(
                                    "take its share first: muster route remove {address} --app {name}"
                                ),
                            });
                        }
                        if route.project == app.project {
                            tx.route_move(route.id, target.id).await?;
                            if !may_use_any(&actor.rights) {
                                host_names::whole(tx, &route.host, target.id).await?;
                            }
                            plan.changes.push(format!("so does the route {address}"));
                        }
                    }
                    let mut change = change_of(&app, "move", ChangeKind::Updated);
                    change.before = value(&from);
                    change.after = value(&to);
                    record(tx, &actor, change).await?;
                    // Those who follow where it goes are told as well.
                    tx.change_append("app", app.id, ChangeKind::Updated, Some(target.id))
                        .await?;
                    tx.app_move(app.id, target.id).await?;
                    tx.job_move(app.id, target.id).await?;
                    for job in tx.job_list_unfinished().await? {
                        if job.app == Some(app.id) {
                            tx.reservation_move(job.id, target.id).await?;
                        }
                    }
                    guard.after(tx).await?;
                    app.updated_at = muster_store::now();
                    tx.app_update(&app).await?;
                    Ok(plan)
                })
            })
            .await?;
        plan.done = !terms.dry_run;
        Ok(plan)
    }
}
