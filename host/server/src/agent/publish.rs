//! Puts records and instances into the words of the data path.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use muster_api::id::{AppId, HostId};
use muster_engine::plugin::routing::{Action, Redirect, Route, RouteKey, Target};
use muster_ingress::{Backend, Backends, Peer, Place, Placement};
use muster_store::{AppRecord, RouteRecord};

use super::{desired::Desired, instances::Instances};

/// The instances on this host that take requests: of each app those of its
/// current release, or, when none of these runs, whatever of it does.
pub(super) fn serving(
    instances: &Instances,
    apps: &[AppRecord],
) -> BTreeMap<AppId, Vec<Placement>> {
    let mut running = instances.serving();
    apps.iter()
        .filter_map(|app| {
            let all = running.remove(&app.id)?;
            let is_current =
                |(release, _): &&(u64, Placement)| Some(*release) == app.current_release;
            let current: Vec<Placement> = all
                .iter()
                .filter(is_current)
                .map(|(_, placement)| placement.clone())
                .collect();
            let taken = if current.is_empty() {
                all.into_iter().map(|(_, placement)| placement).collect()
            } else {
                current
            };
            Some((app.id, taken))
        })
        .collect()
}

/// Those and the ones on other hosts. What is left of an older release here is
/// better than nothing, but not better than the current one elsewhere.
pub(super) fn with_others(
    here: &BTreeMap<AppId, Vec<Placement>>,
    desired: &Desired,
    peers: &HashMap<HostId, Arc<Peer>>,
) -> BTreeMap<AppId, Vec<Placement>> {
    let mut all = here.clone();
    if desired.elsewhere.is_empty() {
        return all;
    }
    let mut elsewhere: BTreeMap<AppId, Vec<(u64, Placement)>> = BTreeMap::new();
    for it in &desired.elsewhere {
        let Some(peer) = peers.get(&it.host) else {
            continue;
        };
        let placement = Placement {
            id: Arc::from(it.id.to_string()),
            label: Arc::from(format!("{}/{}", it.index, it.release)),
            at: Place::There(Arc::clone(peer)),
        };
        elsewhere
            .entry(it.app)
            .or_default()
            .push((it.release, placement));
    }
    for app in &desired.apps {
        let Some(there) = elsewhere.remove(&app.id) else {
            continue;
        };
        let (current, other): (Vec<_>, Vec<_>) = there
            .into_iter()
            .partition(|(release, _)| Some(*release) == app.current_release);
        let placements = all.entry(app.id).or_default();
        let taken = if current.is_empty() && placements.is_empty() {
            other
        } else {
            current
        };
        placements.extend(taken.into_iter().map(|(_, placement)| placement));
    }
    all
}

/// The backends of all apps; those that stay as they are, are kept.
pub(super) fn backends(
    serving: &BTreeMap<AppId, Vec<Placement>>,
    apps: &[AppRecord],
    before: &Backends,
) -> HashMap<String, Arc<Backend>> {
    apps.iter()
        .map(|app| {
            let placements = serving.get(&app.id).cloned().unwrap_or_default();
            let id = app.id.to_string();
            let backend = before.same(&id, &app.name, &placements);
            let backend =
                backend.unwrap_or_else(|| Arc::new(Backend::new(&id, &app.name, placements)));
            (id, backend)
        })
        .collect()
}

/// The routes, each with the instances that it leads to.
pub(super) fn routes(
    serving: &BTreeMap<AppId, Vec<Placement>>,
    records: &[RouteRecord],
) -> Vec<Route> {
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
