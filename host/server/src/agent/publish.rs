//! Puts records and instances into the words of the data path.

use std::{collections::HashMap, sync::Arc};

use muster_engine::plugin::routing::{Action, Redirect, Route, RouteKey, Target};
use muster_ingress::{Backend, Backends};
use muster_store::{AppRecord, RouteRecord};

use super::instances::Instances;

/// The running instances of each app.
pub(super) fn backends(
    instances: &Instances,
    apps: &[AppRecord],
    before: &Backends,
) -> HashMap<String, Arc<Backend>> {
    let mut serving = instances.serving();
    apps.iter()
        .map(|app| {
            let placements = serving.remove(&app.id).unwrap_or_default();
            let id = app.id.to_string();
            let backend = before.same(&id, &app.name, &placements);
            (
                id,
                backend.unwrap_or_else(|| Arc::new(Backend::new(&app.name, placements))),
            )
        })
        .collect()
}

/// The routes, each with the instances that it leads to.
pub(super) fn routes(instances: &Instances, records: &[RouteRecord]) -> Vec<Route> {
    let serving = instances.serving();
    records
        .iter()
        .map(|record| {
            let action = match &record.redirect {
                Some(redirect) => Action::Redirect(Redirect {
                    location: redirect.location.clone(),
                    status: redirect.status,
                    keep_path: redirect.keep_path,
                }),
                None => Action::Forward(
                    record
                        .targets
                        .iter()
                        .map(|target| Target {
                            app: target.app.to_string(),
                            weight: target.weight,
                            instances: serving
                                .get(&target.app)
                                .map(|placements| {
                                    placements
                                        .iter()
                                        .map(|placement| placement.id.to_string())
                                        .collect()
                                })
                                .unwrap_or_default(),
                        })
                        .collect(),
                ),
            };
            Route {
                key: RouteKey {
                    host: record.host.clone(),
                    path: record.path.clone(),
                },
                action,
                sticky: record.sticky,
            }
        })
        .collect()
}
