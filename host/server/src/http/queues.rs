//! `/queues` and `/bus`

use axum::{Json, extract::State};
use muster_api::{
    id::MessageId,
    page::{Page, PageQuery},
    plan::Plan,
    problem::Problem,
    queues::{Bus, Message, MessageFilter, Queue},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Api,
    caller::Caller,
    etag::{DryRun, On, OnlyIf, Tagged},
    reply::{Answer, Params, Segment},
};

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(bus_show))
        .routes(routes!(queue_list))
        .routes(routes!(message_list))
        .routes(routes!(message_show, message_drop))
        .routes(routes!(message_retry))
}

/// Show how the bus is. Without it, everything is done all the same, if not as soon.
#[utoipa::path(get, path = "/bus", tag = "queues", responses((status = 200, body = Bus)))]
async fn bus_show(State(api): State<Api>) -> Answer<Json<Bus>> {
    Ok(Json(api.queues.bus()))
}

/// List the queues, with how much waits in each.
#[utoipa::path(get, path = "/queues", tag = "queues", responses((status = 200, body = Page<Queue>)))]
async fn queue_list(State(api): State<Api>) -> Answer<Json<Page<Queue>>> {
    let items = api.queues.list().await?;
    Ok(Json(Page { items, next: None }))
}

/// List the messages of a queue, the oldest first.
#[utoipa::path(get, path = "/queues/{queue}/messages", tag = "queues", params(("queue" = String, Path, description = "The queue's name"), PageQuery, MessageFilter), responses(
    (status = 200, body = Page<Message>),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn message_list(
    State(api): State<Api>,
    Segment(queue): Segment<String>,
    Params(query): Params<PageQuery>,
    Params(filter): Params<MessageFilter>,
) -> Answer<Json<Page<Message>>> {
    Ok(Json(api.queues.messages(&queue, &filter, &query).await?))
}

/// Show a message: what is to be done, and what went wrong.
#[utoipa::path(get, path = "/queues/{queue}/messages/{message}", tag = "queues", params(("queue" = String, Path, description = "The queue's name"), ("message" = MessageId, Path, description = "The message's id")), responses(
    (status = 200, body = Message),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
async fn message_show(
    State(api): State<Api>,
    Segment((queue, message)): Segment<(String, MessageId)>,
) -> Answer<Tagged<Json<Message>>> {
    let (record, shown) = api.queues.message(&queue, message).await?;
    Ok(Tagged::new(&record, Json(shown)))
}

/// Have a message done at once that was given up or waits for its next attempt. It
/// has as many attempts as a new one.
#[utoipa::path(post, path = "/queues/{queue}/messages/{message}/actions/retry", tag = "queues", params(
    ("queue" = String, Path, description = "The queue's name"),
    ("message" = MessageId, Path, description = "The message's id"),
    ("If-Match" = Option<String>, Header, description = "Do it only if the message is still like this"),
), responses(
    (status = 200, body = Message),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn message_retry(
    State(api): State<Api>,
    Caller(actor): Caller,
    OnlyIf(terms): OnlyIf,
    Segment((queue, message)): Segment<(String, MessageId)>,
) -> Answer<Json<Message>> {
    let retried = api.queues.retry(&actor, &terms, &queue, message).await?;
    api.post.wake();
    Ok(Json(retried))
}

/// Drop a message: what it asks for is never done.
#[utoipa::path(delete, path = "/queues/{queue}/messages/{message}", tag = "queues", params(("queue" = String, Path, description = "The queue's name"), ("message" = MessageId, Path, description = "The message's id"), DryRun), responses(
    (status = 200, body = Plan),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
))]
async fn message_drop(
    State(api): State<Api>,
    Caller(actor): Caller,
    On(terms): On,
    Segment((queue, message)): Segment<(String, MessageId)>,
) -> Answer<Json<Plan>> {
    let dropped = api.queues.drop(&actor, &terms, &queue, message);
    Ok(Json(dropped.await?))
}
