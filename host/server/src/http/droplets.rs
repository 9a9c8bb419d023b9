//! `/apps/{app}/droplets`

use axum::{Json, extract::State};
use muster_api::{
    droplets::Droplet,
    page::{Page, PageQuery},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    reply::{Answer, Params, Segment},
};
use crate::control::views::page_of;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(droplet_list))
}

/// List an app's droplets, newest first.
#[utoipa::path(get, path = "/apps/{app}/droplets", tag = "droplets", params(("app" = String, Path, description = "The app's name"), PageQuery), responses(
    (status = 200, body = Page<Droplet>),
))]
async fn droplet_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(app): Segment<String>,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<Droplet>>> {
    let all = api.droplets.list(&actor, &app).await?;
    Ok(Json(page_of(all.items, &query)?))
}
