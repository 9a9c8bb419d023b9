//! `/apps`

use axum::{Json, extract::State};
use muster_api::{
    apps::{App, AppChange, AppDetail, Env, EnvChange, Rollback},
    jobs::Job,
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
    pushes::Push,
};
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
        .routes(routes!(app_list))
        .routes(routes!(app_show, app_change, app_delete))
        .routes(routes!(app_env, app_env_change))
        .routes(routes!(app_push))
        .routes(routes!(app_start))
        .routes(routes!(app_stop))
        .routes(routes!(app_restart))
        .routes(routes!(app_rollback))
}

/// List apps by name.
#[utoipa::path(get, path = "/apps", tag = "apps", params(PageQuery), responses((status = 200, body = Page<App>)))]
async fn app_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(query): Params<PageQuery>,
) -> Answer<Json<Page<App>>> {
    Ok(Json(api.apps.list(&actor, &query).await?))
}

/// Show an app with its instances.
#[utoipa::path(get, path = "/apps/{app}", tag = "apps", params(("app" = String, Path, description = "The app's name")), responses(
    (status = 200, body = AppDetail),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn app_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(app): Segment<String>,
) -> Answer<Tagged<Json<AppDetail>>> {
    let (app, shown) = api.apps.show(&actor, &app).await?;
    Ok(Tagged::new(&app, Json(shown)))
}

/// Change how many instances an app has, or their memory.
#[utoipa::path(patch, path = "/apps/{app}", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), request_body = AppChange, responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn app_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
    Input(change): Input<AppChange>,
) -> Answer<Outcome<Job>> {
    Ok(api.apps.scale(&actor, &terms, &app, change).await?)
}

/// Delete an app with its droplets and its share of routes.
#[utoipa::path(delete, path = "/apps/{app}", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn app_delete(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.apps.delete(&actor, &terms, &app).await?))
}

/// Show an app's environment variables with their values.
#[utoipa::path(get, path = "/apps/{app}/env", tag = "apps", params(("app" = String, Path, description = "The app's name")), responses(
    (status = 200, body = Env),
))]
async fn app_env(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(app): Segment<String>,
) -> Answer<Tagged<Json<Env>>> {
    let (app, env) = api.apps.env(&actor, &app).await?;
    Ok(Tagged::new(&app, Json(env)))
}

/// Change an app's environment variables.
#[utoipa::path(patch, path = "/apps/{app}/env", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), request_body = EnvChange, responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn app_env_change(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
    Input(change): Input<EnvChange>,
) -> Answer<Outcome<Job>> {
    Ok(api.apps.change_env(&actor, &terms, &app, change).await?)
}

/// Push a package: stage it and roll it out. Makes the app if there is none.
#[utoipa::path(post, path = "/apps/{app}/pushes", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), request_body = Push, responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 409, description = "Blocks were not uploaded", body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn app_push(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
    Input(push): Input<Push>,
) -> Answer<Outcome<Job>> {
    Ok(api.pushes.push(&actor, &terms, &app, push).await?)
}

/// Start an app.
#[utoipa::path(post, path = "/apps/{app}/actions/start", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn app_start(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
) -> Answer<Outcome<Job>> {
    Ok(api.apps.start(&actor, &terms, &app).await?)
}

/// Stop an app.
#[utoipa::path(post, path = "/apps/{app}/actions/stop", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
))]
async fn app_stop(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
) -> Answer<Outcome<Job>> {
    Ok(api.apps.stop(&actor, &terms, &app).await?)
}

/// Replace an app's instances by new ones, without a gap.
#[utoipa::path(post, path = "/apps/{app}/actions/restart", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn app_restart(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
) -> Answer<Outcome<Job>> {
    Ok(api.apps.restart(&actor, &terms, &app).await?)
}

/// Return to a kept droplet.
#[utoipa::path(post, path = "/apps/{app}/rollback", tag = "apps", params(("app" = String, Path, description = "The app's name"), DryRun), request_body = Rollback, responses(
    (status = 202, body = Job),
    (status = 200, description = "What would be done, for a dry run", body = Plan),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn app_rollback(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(app): Segment<String>,
    Input(to): Input<Rollback>,
) -> Answer<Outcome<Job>> {
    Ok(api.apps.rollback(&actor, &terms, &app, to).await?)
}
