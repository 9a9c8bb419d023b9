//! Routes: host name and path prefix that reach apps.

use muster_api::{
    id::{AppId, ProjectId, RouteId},
    page::Page,
};
use sea_orm::{
    ActiveValue::Set,
    Condition, ExprTrait, QueryOrder, QuerySelect, QueryTrait, Select,
    entity::prelude::*,
    sea_query::{LikeExpr, OnConflict},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, project, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod tables;

use tables::{route, target};

/// A route: either a redirect, or targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteRecord {
    /// Names the route for life.
    pub id: RouteId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// Lower-case host name, `*.name`, or `*`.
    pub host: String,
    /// Path prefix, from `/` on; unique together with the host.
    pub path: String,
    /// Where it sends the client, if it does not forward.
    pub redirect: Option<Redirect>,
    /// Whether a client stays with the instance that first served it.
    pub sticky: bool,
    /// The apps that it forwards to, by id.
    pub targets: Vec<TargetRecord>,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// Where a route sends the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Absolute URL, or path from `/` on.
    pub location: String,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Whether the rest of the path and the query are appended.
    pub keep_path: bool,
}

/// One app of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The app.
    pub app: AppId,
    /// Its share of the traffic among the route's apps.
    pub weight: u32,
}

/// What became of the routes of an app that goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detached {
    /// The routes that had no other app, and are gone.
    pub gone: Vec<RouteId>,
    /// The routes that go on without it.
    pub kept: Vec<RouteId>,
}

type Row = (route::Model, Vec<target::Model>);

impl TryFrom<Row> for RouteRecord {
    type Error = StoreError;

    fn try_from((row, targets): Row) -> Result<Self, StoreError> {
        let target = |row: target::Model| {
            Ok(TargetRecord {
                app: AppId(row.app_id),
                weight: unsigned(row.weight, "route_targets.weight")?,
            })
        };
        Ok(Self {
            id: RouteId(row.id),
            project: project(row.project_id, "routes.project_id")?,
            host: row.host,
            path: row.path,
            redirect: row
                .redirect
                .map(|redirect| from_json(redirect, "routes.redirect"))
                .transpose()?,
            sticky: row.sticky,
            targets: targets
                .into_iter()
                .map(target)
                .collect::<Result<_, StoreError>>()?,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// A route.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn route_get(&self, id: RouteId) -> Result<Option<RouteRecord>, StoreError> {
        self.route_one(route::Entity::find_by_id(id.0)).await
    }

    /// The route of that host and path.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn route_by_address(
        &self,
        host: &str,
        path: &str,
    ) -> Result<Option<RouteRecord>, StoreError> {
        let address = route::Column::Host
            .eq(host)
            .and(route::Column::Path.eq(path));
        self.route_one(route::Entity::find().filter(address)).await
    }

    /// At most `limit` routes by host and path, from the one after `cursor` on,
    /// which is a host and a path in one: `example.com/shop`; only those of the
    /// projects `among` if told.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn route_list(
        &self,
        among: Option<&[ProjectId]>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<RouteRecord>, StoreError> {
        let mut page = route::Entity::find()
            .order_by_asc(route::Column::Host)
            .order_by_asc(route::Column::Path)
            .limit(u64::from(limit) + 1);
        if let Some(among) = among {
            page = page.filter(route::Column::ProjectId.is_in(among.iter().map(|id| id.0)));
        }
        if let Some(cursor) = cursor {
            let (host, path) = cursor.split_at(cursor.find('/').unwrap_or(cursor.len()));
            let later_path = route::Column::Host
                .eq(host)
                .and(route::Column::Path.gt(path));
            page = page.filter(
                Condition::any()
                    .add(route::Column::Host.gt(host))
                    .add(later_path),
            );
        }
        let ids = page.select_only().column(route::Column::Id).into_query();
        let rows = self
            .route_rows(route::Entity::find().filter(route::Column::Id.in_subquery(ids)))
            .await?;
        crate::columns::page(rows, limit, |route: &RouteRecord| {
            format!("{}{}", route.host, route.path)
        })
    }

    /// A route of another project than this one with one of these hosts, or with
    /// a host below `below`.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn route_of_others(
        &self,
        project: ProjectId,
        hosts: &[String],
        below: Option<&str>,
    ) -> Result<Option<RouteRecord>, StoreError> {
        let mut hit = Condition::any().add(route::Column::Host.is_in(hosts));
        if let Some(below) = below {
            // `_` is a letter of host names, and a wildcard here.
            let plain = below.replace('_', "\\_");
            let like = LikeExpr::new(format!("%.{plain}")).escape('\\');
            hit = hit.add(route::Column::Host.like(like));
        }
        let others = Condition::any()
            .add(route::Column::ProjectId.ne(project.0))
            .add(route::Column::ProjectId.is_null());
        let found = route::Entity::find().filter(hit).filter(others);
        self.route_one(found.limit(1)).await
    }

    /// All routes by host and path.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn route_all(&self) -> Result<Vec<RouteRecord>, StoreError> {
        self.route_many(route::Entity::find()).await
    }

    /// The routes that reach an app, by host and path, with all their targets.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn route_list_for_app(&self, app: AppId) -> Result<Vec<RouteRecord>, StoreError> {
        let ids = target::Entity::find()
            .select_only()
            .column(target::Column::RouteId)
            .filter(target::Column::AppId.eq(app.0))
            .into_query();
        self.route_many(route::Entity::find().filter(route::Column::Id.in_subquery(ids)))
            .await
    }

    /// Routes and targets come in one question, so that no route is ever seen
    /// with half of its targets.
    async fn route_rows(&self, routes: Select<route::Entity>) -> Result<Vec<Row>, StoreError> {
        let rows = routes
            .order_by_asc(route::Column::Host)
            .order_by_asc(route::Column::Path)
            .find_with_related(target::Entity)
            .order_by_asc(target::Column::AppId)
            .all(&self.db())
            .await?;
        Ok(rows)
    }

    async fn route_many(
        &self,
        routes: Select<route::Entity>,
    ) -> Result<Vec<RouteRecord>, StoreError> {
        self.route_rows(routes)
            .await?
            .into_iter()
            .map(RouteRecord::try_from)
            .collect()
    }

    async fn route_one(
        &self,
        route: Select<route::Entity>,
    ) -> Result<Option<RouteRecord>, StoreError> {
        Ok(self.route_many(route).await?.pop())
    }
}

impl Tx {
    /// Puts a route into another project. False if there is no such route.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn route_move(&self, id: RouteId, to: ProjectId) -> Result<bool, StoreError> {
        let done = route::Entity::update_many()
            .col_expr(route::Column::ProjectId, Expr::value(Some(to.0)))
            .filter(route::Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Adds a route with its targets.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is a route of that host and path;
    /// [`StoreError::Reference`] if a target does not exist.
    pub async fn route_insert(&self, route: &RouteRecord) -> Result<(), StoreError> {
        let row = route::ActiveModel {
            id: Set(route.id.0),
            project_id: Set(Some(route.project.0)),
            host: Set(route.host.clone()),
            path: Set(route.path.clone()),
            redirect: Set(route.redirect.as_ref().map(json).transpose()?),
            sticky: Set(route.sticky),
            created_at: Set(millis(route.created_at)),
        };
        let inserted = route::Entity::insert(row)
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || format!("a route '{}{}'", route.host, route.path))
        })?;
        for target in &route.targets {
            self.route_target_put(route.id, target.app, target.weight)
                .await?;
        }
        Ok(())
    }

    /// Gives a route another redirect and stickiness; its address stays, and its
    /// targets have changes of their own. False if there is no such route.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn route_update(
        &self,
        id: RouteId,
        redirect: Option<&Redirect>,
        sticky: bool,
    ) -> Result<bool, StoreError> {
        let change = route::ActiveModel {
            redirect: Set(redirect.map(json).transpose()?),
            sticky: Set(sticky),
            ..Default::default()
        };
        let done = route::Entity::update_many()
            .set(change)
            .filter(route::Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Makes an app a target of a route, or gives it another weight there.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if the route or the app does not exist.
    pub async fn route_target_put(
        &self,
        route: RouteId,
        app: AppId,
        weight: u32,
    ) -> Result<(), StoreError> {
        let row = target::ActiveModel {
            route_id: Set(route.0),
            app_id: Set(app.0),
            weight: Set(i64::from(weight)),
        };
        let known = OnConflict::columns([target::Column::RouteId, target::Column::AppId])
            .update_column(target::Column::Weight)
            .to_owned();
        target::Entity::insert(row)
            .on_conflict(known)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Takes an app off a route, which stays even without targets. False if it
    /// was none of its targets.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn route_target_delete(
        &self,
        route: RouteId,
        app: AppId,
    ) -> Result<bool, StoreError> {
        Ok(target::Entity::delete_by_id((route.0, app.0))
            .exec(&self.db())
            .await?
            .rows_affected
            > 0)
    }

    /// Removes a route with its targets. False if there is no such route.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn route_delete(&self, id: RouteId) -> Result<bool, StoreError> {
        Ok(route::Entity::delete_by_id(id.0)
            .exec(&self.db())
            .await?
            .rows_affected
            > 0)
    }

    /// Takes an app off all routes, and removes the routes that had no other.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn route_delete_for_app(&self, app: AppId) -> Result<Detached, StoreError> {
        let mut detached = Detached::default();
        for route in self.route_list_for_app(app).await? {
            if route.targets.len() == 1 {
                self.route_delete(route.id).await?;
                detached.gone.push(route.id);
            } else {
                self.route_target_delete(route.id, app).await?;
                detached.kept.push(route.id);
            }
        }
        Ok(detached)
    }
}

#[cfg(test)]
mod tests;
