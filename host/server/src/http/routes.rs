//! `/routes`

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use muster_api::{
    id::RouteId,
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
    routes::{NewRoute, Route},
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input, Params, Segment},
};
use crate::control::terms::Outcome;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(route_list, route_add))
        .routes(routes!(route_show, route_remove))
}

/// How to remove a route.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Removal {
    /// Remove only this app's share.
    app: Option<String>,
}

/// List routes by host and path.
#[utoipa::path(get, path = "/routes", tag = "routes", params(PageQuery), responses((status = 200, body = Page<Route>)))]
async fn route_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Route>>> {
    Ok(Json(api.routes.list(&actor, &query).await?))
}

/// Add a route, or one more app to a route that is there.
///
/// An app's share of a route that is there, or where a redirect leads, is
/// changed. `If-Match` with the route's tag makes sure that it is the one that
/// was looked at.
///
/// A host name belongs to the project that has a route with it first, and with a
/// pattern such as `*.example.com` all names below it. Who may add routes in
/// every project is free to decide otherwise. The domain of the apps, the names
/// of this Muster and IP addresses are for them alone.
#[utoipa::path(post, path = "/routes", tag = "routes", params(DryRun), request_body = NewRoute, responses(
    (status = 201, body = Route),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn route_add(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Input(new): Input<NewRoute>,
) -> Answer<Response> {
    Ok(match api.routes.add(&actor, &terms, new).await? {
        Outcome::Done((route, shown)) => {
            Tagged::new(&route, (StatusCode::CREATED, Json(shown))).into_response()
        }
        Outcome::Planned(plan) => Json(plan).into_response(),
    })
}

/// Show a route.
#[utoipa::path(get, path = "/routes/{route}", tag = "routes", params(("route" = RouteId, Path, description = "The route's id")), responses(
    (status = 200, body = Route),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn route_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(route): Segment<RouteId>,
) -> Answer<Tagged<Json<Route>>> {
    let (route, shown) = api.routes.show(&actor, route).await?;
    Ok(Tagged::new(&route, Json(shown)))
}

/// Remove a route, or one app's share of it.
#[utoipa::path(delete, path = "/routes/{route}", tag = "routes", params(("route" = RouteId, Path, description = "The route's id"), DryRun, Removal), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn route_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(route): Segment<RouteId>,
    Params(how): Params<Removal>,
) -> Answer<Json<Plan>> {
    Ok(Json(
        api.routes.remove(&actor, &terms, route, how.app).await?,
    ))
}
