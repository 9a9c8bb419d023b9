//! Routes: host name and path prefix that reach apps.

mod address;
mod plan;

use muster_api::{
    id::{ProjectId, RouteId},
    page::{Page, PageQuery},
    permissions::Permission,
    plan::Plan,
    routes::{NewRoute, Route},
};
use muster_store::{AppRecord, ChangeKind, Redirect, RouteRecord, Store, TargetRecord, Tx};
use uuid::Uuid;

pub(crate) use self::address::Address;
use super::{
    apps::require_app,
    error::ControlError,
    host_names::HostNames,
    projects::{require_active, require_project},
    quotas::Guard,
    record::{Actor, Change, record, value},
    terms::{Outcome, Terms},
    views::{Urls, counted, page_limit, route_view},
};

/// A new target's share unless told.
pub(crate) const DEFAULT_WEIGHT: u32 = 100;
const MAX_WEIGHT: u32 = 1000;

/// The routes of this host.
#[derive(Clone)]
pub(crate) struct Routes {
    pub(crate) store: Store,
    pub(crate) urls: Urls,
    pub(crate) names: HostNames,
}

impl Routes {
    /// One page of routes, by host and path.
    pub(crate) async fn list(
        &self,
        actor: &Actor,
        query: &PageQuery,
    ) -> Result<Page<Route>, ControlError> {
        let among = actor.among();
        let (cursor, limit) = (query.cursor.clone(), page_limit(query)?);
        let urls = self.urls.clone();
        let page = self
            .store
            .read(move |db| {
                Box::pin(async move {
                    let found = db
                        .route_list(among.as_deref(), cursor.as_deref(), limit)
                        .await?;
                    let mut items = Vec::with_capacity(found.items.len());
                    for route in &found.items {
                        items.push(route_view(db, &urls, route).await?);
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

    /// Adds a route, or one more app to an existing one. What is there already
    /// is changed: an app's share, a redirect's goal, whether clients stay.
    pub(crate) async fn add(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: NewRoute,
    ) -> Result<Outcome<(RouteRecord, Route)>, ControlError> {
        let address =
            Address::parse(&new.route).map_err(|why| ControlError::invalid("route", why))?;
        let weight = new.weight.unwrap_or(DEFAULT_WEIGHT);
        if weight > MAX_WEIGHT {
            return Err(ControlError::invalid(
                "weight",
                format!("{weight} is out of bounds: 0 to {MAX_WEIGHT}"),
            ));
        }
        let redirect = redirect(&new)?;
        check_kind(&new)?;
        if new.app.is_some() == redirect.is_some() {
            return Err(ControlError::invalid(
                "app",
                "a route needs either an app or a redirect",
            ));
        }
        let (actor, urls, owned) = (actor.clone(), self.urls.clone(), terms.clone());
        let names = self.names.clone();
        let (made, plan) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    // Of a route that they have no say in, they learn no version.
                    let known = tx.route_by_address(&address.host, &address.path).await?;
                    let known = known.filter(|route| own(&actor, route).is_ok());
                    owned.check(known.as_ref())?;
                    let before = match &known {
                        Some(route) => Some(route_view(tx, &urls, route).await?),
                        None => None,
                    };
                    let id = match (&new.app, &redirect) {
                        (Some(app), _) => {
                            let app = require_app(tx, &actor, app).await?;
                            require_active(tx, app.project).await?;
                            names
                                .claim(tx, &actor.rights, &address, app.project)
                                .await?;
                            let guard = Guard::before(tx, app.project).await?;
                            let id =
                                add_target(tx, &actor, &address, &app, weight, new.sticky).await?;
                            guard.after(tx).await?;
                            id
                        }
                        (None, redirect) => {
                            let project = match &new.project {
                                Some(name) => require_project(tx, &actor, name).await?.id,
                                None => actor.home()?,
                            };
                            require_active(tx, project).await?;
                            names.claim(tx, &actor.rights, &address, project).await?;
                            let guard = Guard::before(tx, project).await?;
                            let redirect = redirect.clone();
                            let id =
                                set_redirect(tx, &actor, &address, project, redirect, new.sticky)
                                    .await?;
                            guard.after(tx).await?;
                            id
                        }
                    };
                    let route = tx.route_get(id).await?.ok_or_else(|| missing(id))?;
                    let shown = route_view(tx, &urls, &route).await?;
                    let plan = plan::compare(before.as_ref(), &shown);
                    Ok::<_, ControlError>(((route, shown), plan))
                })
            })
            .await?;
        Ok(terms.outcome(made, plan))
    }

    /// One route.
    pub(crate) async fn show(
        &self,
        actor: &Actor,
        id: RouteId,
    ) -> Result<(RouteRecord, Route), ControlError> {
        let route = self.store.route_get(id).await?;
        let route = route.ok_or_else(|| missing(id))?;
        actor.require(route.project, "route", &id.to_string())?;
        let shown = route_view(&self.store, &self.urls, &route).await?;
        Ok((route, shown))
    }

    /// Removes a route, or one app's share of it.
    pub(crate) async fn remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: RouteId,
        app: Option<String>,
    ) -> Result<Plan, ControlError> {
        let (actor, terms) = (actor.clone(), terms.clone());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let route = tx.route_get(id).await?.ok_or_else(|| missing(id))?;
                    actor.require(route.project, "route", &id.to_string())?;
                    terms.check(Some(&route))?;
                    let name = format!("{}{}", route.host, route.path);
                    let app = match &app {
                        Some(app) => Some(require_app(tx, &actor, app).await?),
                        None => None,
                    };
                    let share =
                        |app: &AppRecord| route.targets.iter().any(|target| target.app == app.id);
                    if let Some(app) = app.as_ref().filter(|app| !share(app)) {
                        return Err(ControlError::not_found("target", app.name.clone()));
                    }
                    let line = match &app {
                        Some(app) => format!("the share of {} in the route {name}", app.name),
                        None if route.redirect.is_some() => format!("the redirect {name}"),
                        None => format!(
                            "the route {name} to {}",
                            counted(route.targets.len(), "app")
                        ),
                    };
                    if !terms.dry_run {
                        match app {
                            Some(app) if route.targets.len() > 1 => {
                                tx.route_target_delete(id, app.id).await?;
                            }
                            _ => {
                                tx.route_delete(id).await?;
                            }
                        }
                        record(tx, &actor, change(&route, "remove", ChangeKind::Deleted)).await?;
                    }
                    Ok(Plan {
                        removes: vec![line],
                        changes: Vec::new(),
                        done: !terms.dry_run,
                    })
                })
            })
            .await
    }
}

fn missing(id: RouteId) -> ControlError {
    ControlError::not_found("route", id.to_string())
}

/// A field that the other kind of route has is refused, not passed over.
fn check_kind(new: &NewRoute) -> Result<(), ControlError> {
    let (kind, strange) = if new.redirect.is_some() {
        let strange = [
            ("weight", new.weight.is_some()),
            ("sticky", new.sticky.is_some()),
        ];
        ("a redirect", strange)
    } else {
        (
            "a route to an app",
            [
                ("status", new.status.is_some()),
                ("keep_path", new.keep_path),
            ],
        )
    };
    match strange.iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(ControlError::invalid(
            *field,
            format!("{kind} has no {field}"),
        )),
        None => Ok(()),
    }
}

fn redirect(new: &NewRoute) -> Result<Option<Redirect>, ControlError> {
    let Some(location) = new.redirect.clone() else {
        return Ok(None);
    };
    let status = new.status.unwrap_or(308);
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Err(ControlError::invalid(
            "status",
            format!("{status} is not 301, 302, 303, 307 or 308"),
        ));
    }
    let good = location.starts_with('/')
        || location.starts_with("https://")
        || location.starts_with("http://");
    if !good || location.parse::<::http::Uri>().is_err() {
        return Err(ControlError::invalid(
            "redirect",
            format!("'{location}' is not a URL or a path from / on"),
        ));
    }
    Ok(Some(Redirect {
        location,
        status,
        keep_path: new.keep_path,
    }))
}

/// Adds an app to a route, which is made if there is none.
pub(crate) async fn add_target(
    tx: &Tx,
    actor: &Actor,
    address: &Address,
    app: &AppRecord,
    weight: u32,
    sticky: Option<bool>,
) -> Result<RouteId, ControlError> {
    let target = TargetRecord {
        app: app.id,
        weight,
    };
    match tx.route_by_address(&address.host, &address.path).await? {
        Some(route) if route.redirect.is_some() => Err(taken(&route)),
        Some(route) => {
            own(actor, &route)?;
            tx.route_target_put(route.id, app.id, weight).await?;
            tx.route_update(route.id, None, sticky.unwrap_or(route.sticky))
                .await?;
            record(tx, actor, change(&route, "add", ChangeKind::Updated)).await?;
            Ok(route.id)
        }
        None => {
            insert(
                tx,
                actor,
                address,
                app.project,
                None,
                sticky.unwrap_or(false),
                vec![target],
            )
            .await
        }
    }
}

async fn set_redirect(
    tx: &Tx,
    actor: &Actor,
    address: &Address,
    project: ProjectId,
    redirect: Option<Redirect>,
    sticky: Option<bool>,
) -> Result<RouteId, ControlError> {
    match tx.route_by_address(&address.host, &address.path).await? {
        Some(route) if !route.targets.is_empty() => Err(taken(&route)),
        Some(route) => {
            own(actor, &route)?;
            tx.route_update(route.id, redirect.as_ref(), route.sticky)
                .await?;
            record(tx, actor, change(&route, "add", ChangeKind::Updated)).await?;
            Ok(route.id)
        }
        None => {
            insert(
                tx,
                actor,
                address,
                project,
                redirect,
                sticky.unwrap_or(false),
                Vec::new(),
            )
            .await
        }
    }
}

async fn insert(
    tx: &Tx,
    actor: &Actor,
    address: &Address,
    project: ProjectId,
    redirect: Option<Redirect>,
    sticky: bool,
    targets: Vec<TargetRecord>,
) -> Result<RouteId, ControlError> {
    let route = RouteRecord {
        id: RouteId(Uuid::now_v7()),
        host: address.host.clone(),
        path: address.path.clone(),
        project,
        redirect,
        sticky,
        targets,
        created_at: muster_store::now(),
    };
    tx.route_insert(&route).await?;
    record(tx, actor, change(&route, "add", ChangeKind::Created)).await?;
    Ok(route.id)
}

/// Refuses to change a route of a project that they have no say in.
fn own(actor: &Actor, route: &RouteRecord) -> Result<(), ControlError> {
    let permission = Permission::RouteWrite;
    if actor.rights.within(route.project, permission) {
        return Ok(());
    }
    Err(ControlError::Conflict {
        code: "route-of-another-project",
        message: format!(
            "the route {}{} belongs to another project",
            route.host, route.path
        ),
        remedy: "choose another host name or path".to_owned(),
    })
}

fn taken(route: &RouteRecord) -> ControlError {
    let is = if route.redirect.is_some() {
        "redirects"
    } else {
        "forwards to apps"
    };
    ControlError::Conflict {
        code: "route-taken",
        message: format!("the route {}{} {is} already", route.host, route.path),
        remedy: "remove it first with: muster route remove HOST/PREFIX".to_owned(),
    }
}

fn change<'a>(route: &'a RouteRecord, verb: &'static str, kind: ChangeKind) -> Change<'a> {
    let address = format!("{}{}", route.host, route.path);
    Change {
        resource: "route",
        project: Some(route.project),
        id: route.id.to_string(),
        name: &route.host,
        verb,
        kind,
        before: None,
        after: value(&address),
    }
}
