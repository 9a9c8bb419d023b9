//! Records as the API shows them.

use std::collections::BTreeMap;

use muster_api::{
    apps::App,
    droplets::Droplet,
    jobs::Job,
    page::{Page, PageQuery},
    routes::{Route, RouteAction, RouteTarget},
};
use muster_store::{AppRecord, DropletRecord, JobRecord, Reader, RouteRecord, StoreError};

use super::error::ControlError;
use crate::agent::fleet::Fleet;

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 500;

/// A number of things: `1 instance`, `3 instances`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// How many items a page has.
pub(crate) fn page_limit(query: &PageQuery) -> Result<u32, ControlError> {
    match query.limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        limit => Err(ControlError::invalid(
            "limit",
            format!("{limit} is out of bounds: 1 to {MAX_LIMIT}"),
        )),
    }
}

/// A page of a list that is short enough to be at hand as a whole. The cursor
/// says how many items came before.
pub(crate) fn page_of<T>(items: Vec<T>, query: &PageQuery) -> Result<Page<T>, ControlError> {
    let limit = page_limit(query)? as usize;
    let before: usize = match &query.cursor {
        None => 0,
        Some(cursor) => cursor
            .parse()
            .map_err(|_| ControlError::invalid("cursor", "this is no cursor of this list"))?,
    };
    let end = before.saturating_add(limit);
    let next = (end < items.len()).then(|| end.to_string());
    let items = items.into_iter().skip(before).take(limit).collect();
    Ok(Page { items, next })
}

/// Makes the addresses at which routes are reached.
#[derive(Debug, Clone)]
pub(crate) struct Urls {
    /// The port of the data path.
    pub(crate) port: u16,
}

impl Urls {
    /// A route's address, if its host name is not a pattern.
    pub(crate) fn of(&self, host: &str, path: &str) -> Option<String> {
        let port = if self.port == 80 {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        (!host.contains('*')).then(|| format!("http://{host}{port}{path}"))
    }
}

/// An app, with values of its environment left out.
pub(crate) async fn app_view(
    db: &Reader,
    urls: &Urls,
    fleet: &Fleet,
    app: &AppRecord,
) -> Result<App, StoreError> {
    let shown = app.current_release.or(app.next_release);
    let release = match shown {
        Some(number) => db.release_get(app.id, number).await?,
        None => None,
    };
    let mut settings = release
        .as_ref()
        .map(|release| release.settings.clone())
        .unwrap_or_default();
    settings.env = settings
        .env
        .into_keys()
        .map(|name| (name, "…".to_owned()))
        .collect::<BTreeMap<_, _>>();
    let routes = db.route_list_for_app(app.id).await?;
    Ok(App {
        id: app.id,
        name: app.name.clone(),
        project: db
            .project_get(app.project)
            .await?
            .map(|project| project.name)
            .unwrap_or_default(),
        state: app.state,
        instances: app.instances,
        running: fleet.running(app.id),
        release: app.current_release,
        next_release: app.next_release,
        droplet: release
            .filter(|release| Some(release.number) == app.current_release)
            .map(|release| release.droplet),
        settings,
        urls: routes
            .iter()
            .filter_map(|route| urls.of(&route.host, &route.path))
            .collect(),
        last_failure: app.last_failure.clone(),
        created_at: app.created_at,
        updated_at: app.updated_at,
    })
}

/// A route, with its apps' names.
pub(crate) async fn route_view(
    db: &Reader,
    urls: &Urls,
    route: &RouteRecord,
) -> Result<Route, StoreError> {
    let action = match &route.redirect {
        Some(redirect) => RouteAction::Redirect {
            location: redirect.location.clone(),
            status: redirect.status,
            keep_path: redirect.keep_path,
        },
        None => {
            let mut targets = Vec::with_capacity(route.targets.len());
            for target in &route.targets {
                let app = db.app_by_id(target.app).await?;
                let app = app.map_or_else(|| target.app.to_string(), |app| app.name);
                targets.push(RouteTarget {
                    app,
                    weight: target.weight,
                });
            }
            RouteAction::Forward { targets }
        }
    };
    Ok(Route {
        id: route.id,
        host: route.host.clone(),
        path: route.path.clone(),
        action,
        sticky: route.sticky,
        url: urls.of(&route.host, &route.path),
    })
}

/// A droplet.
pub(crate) fn droplet_view(droplet: &DropletRecord, current: bool) -> Droplet {
    Droplet {
        id: droplet.id,
        detected: droplet.detected.clone(),
        entry: droplet.entry.clone(),
        component: muster_blocks::file_digest(&droplet.component),
        size: droplet.size,
        current,
        created_at: droplet.created_at,
    }
}

/// A job.
pub(crate) fn job_view(job: JobRecord) -> Job {
    Job {
        id: job.id,
        kind: job.kind,
        subject: job.subject,
        state: job.state,
        step: job.step,
        progress: job.progress,
        log: job.log,
        problem: job.problem,
        created_at: job.created_at,
        ended_at: job.ended_at,
    }
}
