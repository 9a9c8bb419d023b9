//! `/self/keys` and `/keys`

use axum::{Json, extract::State, http::StatusCode};
use muster_api::{
    keys::{AccessKey, KeyQuery, KeyRotation, KeyWithSecret, NewKey},
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, Tagged},
    reply::{Answer, Input, Params, Segment, Unkept},
};
use crate::control::keys::Whose;

use crate::control::views::page_of;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(self_key_list, self_key_create))
        .routes(routes!(self_key_show, self_key_revoke))
        .routes(routes!(self_key_rotate))
        .routes(routes!(key_list))
        .routes(routes!(key_show, key_revoke))
        .routes(routes!(key_rotate))
}

/// List your access keys, oldest first.
#[utoipa::path(get, path = "/self/keys", tag = "keys", params(PageQuery), responses((status = 200, body = Page<AccessKey>)))]
async fn self_key_list(
    State(api): State<Api>,
    Caller(actor): Caller,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<AccessKey>>> {
    let all = api.keys.list_own(&actor).await?.items;
    Ok(Json(page_of(all, &page)?))
}

/// Make an access key. Its secret is shown this once.
#[utoipa::path(post, path = "/self/keys", tag = "keys", request_body = NewKey, responses(
    (status = 201, body = KeyWithSecret),
    (status = 403, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn self_key_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewKey>,
) -> Answer<Unkept<(StatusCode, Json<KeyWithSecret>)>> {
    let made = api.keys.create(&actor, new).await?;
    Ok(Unkept((StatusCode::CREATED, Json(made))))
}

/// Show one of your access keys.
#[utoipa::path(get, path = "/self/keys/{key}", tag = "keys", params(("key" = String, Path, description = "The key's id")), responses(
    (status = 200, body = AccessKey),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn self_key_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(key): Segment<String>,
) -> Answer<Tagged<Json<AccessKey>>> {
    let (key, shown) = api.keys.show(&actor, &key, Whose::Own).await?;
    Ok(Tagged::new(&key, Json(shown)))
}

/// Give one of your access keys a new secret, which is shown this once.
#[utoipa::path(post, path = "/self/keys/{key}/actions/rotate", tag = "keys", request_body = KeyRotation, params(("key" = String, Path, description = "The key's id")), responses(
    (status = 200, body = KeyWithSecret),
    (status = 403, body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn self_key_rotate(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(key): Segment<String>,
    Input(how): Input<KeyRotation>,
) -> Answer<Unkept<Json<KeyWithSecret>>> {
    let rotated = api.keys.rotate(&actor, &key, how, Whose::Own);
    Ok(Unkept(Json(rotated.await?)))
}

/// Put an end to one of your access keys.
#[utoipa::path(delete, path = "/self/keys/{key}", tag = "keys", params(("key" = String, Path, description = "The key's id"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn self_key_revoke(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(key): Segment<String>,
    On(terms): On,
) -> Answer<Json<Plan>> {
    let plan = api.keys.revoke(&actor, &key, Whose::Own, &terms);
    Ok(Json(plan.await?))
}

/// List everybody's access keys, by id.
#[utoipa::path(get, path = "/keys", tag = "keys", params(PageQuery, KeyQuery), responses((status = 404, body = Problem, content_type = "application/problem+json"), (status = 200, body = Page<AccessKey>)))]
async fn key_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
    Params(query): Params<KeyQuery>,
) -> Answer<Json<Page<AccessKey>>> {
    Ok(Json(api.keys.list(&query, &page).await?))
}

/// Show anybody's access key.
#[utoipa::path(get, path = "/keys/{key}", tag = "keys", params(("key" = String, Path, description = "The key's id")), responses(
    (status = 200, body = AccessKey),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn key_show(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(key): Segment<String>,
) -> Answer<Tagged<Json<AccessKey>>> {
    let (key, shown) = api.keys.show(&actor, &key, Whose::Everybodys).await?;
    Ok(Tagged::new(&key, Json(shown)))
}

/// Give anybody's access key a new secret, which is shown this once. Takes
/// whoever may do all that the key may.
#[utoipa::path(post, path = "/keys/{key}/actions/rotate", tag = "keys", request_body = KeyRotation, params(("key" = String, Path, description = "The key's id")), responses(
    (status = 200, body = KeyWithSecret),
    (status = 403, body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn key_rotate(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(key): Segment<String>,
    Input(how): Input<KeyRotation>,
) -> Answer<Unkept<Json<KeyWithSecret>>> {
    let rotated = api.keys.rotate(&actor, &key, how, Whose::Everybodys);
    Ok(Unkept(Json(rotated.await?)))
}

/// Put an end to anybody's access key.
#[utoipa::path(delete, path = "/keys/{key}", tag = "keys", params(("key" = String, Path, description = "The key's id"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn key_revoke(
    State(api): State<Api>,
    Caller(actor): Caller,
    Segment(key): Segment<String>,
    On(terms): On,
) -> Answer<Json<Plan>> {
    let plan = api.keys.revoke(&actor, &key, Whose::Everybodys, &terms);
    Ok(Json(plan.await?))
}
