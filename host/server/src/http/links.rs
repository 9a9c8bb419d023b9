//! `/link`, `/link-tokens` and `/hosts`: how this host is linked with others.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use muster_api::{
    hosts::{LinkedHost, RemoveQuery},
    links::{Join, Leave, Link, LinkToken, LinkTokenSecret, NewLinkToken},
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On},
    reply::{Answer, Input, Params, Segment},
};
use crate::control::error::ControlError;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(link_show))
        .routes(routes!(link_join))
        .routes(routes!(link_leave))
        .routes(routes!(link_stop_leading))
        .routes(routes!(link_token_list, link_token_create))
        .routes(routes!(link_token_withdraw))
        .routes(routes!(host_list))
        .routes(routes!(host_show, host_remove))
        .routes(routes!(host_drain))
        .routes(routes!(host_resume))
}

/// Show how this host is linked.
#[utoipa::path(get, path = "/link", tag = "links", responses((status = 200, body = Link)))]
async fn link_show(State(api): State<Api>) -> Answer<Json<Link>> {
    Ok(Json(api.links.show()?))
}

/// Link this host to the one that a link token is of. It follows that one from
/// then on. Refused, with nothing changed on either host, if the two do not go
/// together or this host runs something.
#[utoipa::path(post, path = "/link/actions/join", tag = "links", request_body = Join, responses(
    (status = 200, body = Link),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn link_join(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(join): Input<Join>,
) -> Answer<Json<Link>> {
    // In a task of its own: whoever asked may go away, the link may not stay
    // half made.
    let joined = tokio::spawn(async move { api.links.join(&actor, &join).await });
    let joined = joined
        .await
        .map_err(|error| ControlError::Internal(error.to_string()))?;
    Ok(Json(joined?))
}

/// Take this host out of the group that it is linked to.
#[utoipa::path(post, path = "/link/actions/leave", tag = "links", request_body = Leave, responses(
    (status = 200, body = Link),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn link_leave(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(leave): Input<Leave>,
) -> Answer<Json<Link>> {
    Ok(Json(api.links.leave(&actor, leave).await?))
}

/// End this host's being a leader. Refused as long as others follow it.
#[utoipa::path(post, path = "/link/actions/stop-leading", tag = "links", params(DryRun), responses(
    (status = 200, body = Plan),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn link_stop_leading(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
) -> Answer<Json<Plan>> {
    Ok(Json(api.links.stop_leading(&actor, &terms).await?))
}

/// List link tokens, newest first, without their secrets.
#[utoipa::path(get, path = "/link-tokens", tag = "links", params(PageQuery), responses((status = 200, body = Page<LinkToken>)))]
async fn link_token_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<LinkToken>>> {
    Ok(Json(api.links.tokens(&page).await?))
}

/// Make a link token, which is shown this once and good for one host. The first
/// one makes this host a leader.
#[utoipa::path(post, path = "/link-tokens", tag = "links", request_body = NewLinkToken, responses(
    (status = 201, body = LinkTokenSecret),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
async fn link_token_create(
    State(api): State<Api>,
    Caller(actor): Caller,
    Input(new): Input<NewLinkToken>,
) -> Answer<(
    StatusCode,
    [(HeaderName, &'static str); 1],
    Json<LinkTokenSecret>,
)> {
    let made = api.links.token(&actor, new).await?;
    let secret = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, secret, Json(made)))
}

/// Withdraw a link token that nobody has used.
#[utoipa::path(delete, path = "/link-tokens/{token}", tag = "links", params(("token" = String, Path, description = "The token's id"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn link_token_withdraw(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(token): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.links.withdraw(&actor, &terms, &token).await?))
}

/// List the hosts of the group: the leader, then its followers by name. A
/// follower lists nobody; its leader does.
#[utoipa::path(get, path = "/hosts", tag = "links", params(PageQuery), responses((status = 200, body = Page<LinkedHost>)))]
async fn host_list(
    State(api): State<Api>,
    Params(page): Params<PageQuery>,
) -> Answer<Json<Page<LinkedHost>>> {
    Ok(Json(api.links.hosts(&page).await?))
}

/// Show a host of the group.
#[utoipa::path(get, path = "/hosts/{host}", tag = "links", params(("host" = String, Path, description = "The host's name or id")), responses(
    (status = 200, body = LinkedHost),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn host_show(
    State(api): State<Api>,
    Segment(host): Segment<String>,
) -> Answer<Json<LinkedHost>> {
    Ok(Json(api.links.host(&host).await?))
}

/// Take a host out of the group. Its certificate is worth nothing at once. A host
/// that is in use must be freed first; one that is lost can be forced out.
#[utoipa::path(delete, path = "/hosts/{host}", tag = "links", params(("host" = String, Path, description = "The host's name or id"), RemoveQuery, DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn host_remove(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Params(query): Params<RemoveQuery>,
    Segment(host): Segment<String>,
) -> Answer<Json<Plan>> {
    let plan = api.links.remove(&actor, &terms, &host, query.force);
    Ok(Json(plan.await?))
}

/// Drain a host: what it runs starts on others, and then ends there; it gets
/// nothing new. The plan says what moves where, and what finds no other host.
#[utoipa::path(post, path = "/hosts/{host}/actions/drain", tag = "links", params(("host" = String, Path, description = "The host's name or id"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn host_drain(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(host): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.placing.drain(&actor, &terms, &host, true).await?))
}

/// Let a host have instances again that was drained. Nothing moves back by itself.
#[utoipa::path(post, path = "/hosts/{host}/actions/resume", tag = "links", params(("host" = String, Path, description = "The host's name or id"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn host_resume(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment(host): Segment<String>,
) -> Answer<Json<Plan>> {
    Ok(Json(api.placing.drain(&actor, &terms, &host, false).await?))
}
