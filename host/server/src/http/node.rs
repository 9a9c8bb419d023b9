//! Calls for another host of the group: with the header `Muster-Node`, a leader
//! has the host answer that it names.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use muster_api::{hosts::NODE_HEADER, permissions::Permission};

use super::{Api, reply::Answer};
use crate::{
    control::{error::ControlError, record::Actor},
    peers::calls::Delegate,
};

/// What concerns a host by itself. Everything else is the group's, and the
/// leader's to say.
const OF_A_HOST: [Permission; 8] = [
    Permission::StatusRead,
    Permission::RoleRead,
    Permission::RoleWrite,
    Permission::ConfigRead,
    Permission::ConfigWrite,
    Permission::LoggingWrite,
    Permission::LogRead,
    Permission::LinkRead,
];

/// Carries a call to the host that it names, if it names one.
pub(super) async fn carry(State(api): State<Api>, request: Request, next: Next) -> Response {
    let Some(name) = request.headers().get(NODE_HEADER) else {
        return next.run(request).await;
    };
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    if name == api.host.name.get() || name == api.host.id.to_string() {
        return next.run(request).await;
    }
    match sent_on(&api, &name, request).await {
        Ok(response) => response,
        Err(refused) => refused.into_response(),
    }
}

async fn sent_on(api: &Api, name: &str, request: Request) -> Answer<Response> {
    let asked = request.extensions().get::<Actor>().and_then(|actor| {
        let permission = actor.permission.filter(|it| OF_A_HOST.contains(it))?;
        Some(Delegate {
            name: actor.name.clone(),
            permission,
            origin: actor.origin.clone(),
        })
    });
    let Some(who) = asked else {
        return Err(ControlError::Conflict {
            code: "not-of-a-host",
            message: "this concerns the group, not a host of it".to_owned(),
            remedy: "leave --node out".to_owned(),
        }
        .into());
    };
    Ok(api.links.carry(name, &who, request).await?)
}
