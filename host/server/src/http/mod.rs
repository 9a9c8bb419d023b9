//! The API over HTTP. A handler parses, makes one call, maps the answer.

mod access;
mod app_metrics;
mod apps;
mod audit;
mod authorise;
mod authorization;
mod backups;
mod blocks;
mod bundles;
mod caller;
mod certificates;
mod client_address;
mod clusters;
mod config;
mod console;
mod data;
mod droplets;
mod etag;
mod events;
mod factors;
pub(crate) mod front;
mod gather;
pub(crate) mod idempotency;
mod identities;
mod jobs;
mod keys;
mod linger;
mod links;
mod load_balancer;
mod logging;
mod logs;
pub(crate) mod metrics;
mod node;
mod oauth;
mod openapi;
mod pages;
mod platform_log;
mod ports;
mod probes;
mod problems;
mod projects;
mod queues;
mod quotas;
pub(crate) mod rate_limits;
pub(crate) mod refusals;
mod reply;
mod roles;
mod routes;
mod self_service;
mod sign_ups;
mod signing_keys;
mod status;
mod terms;
mod users;

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{Router, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use muster_api::id::HostId;
use muster_blocks::Blocks;
use muster_store::Store;
use tokio_util::sync::CancellationToken;
use tower_http::{ServiceBuilderExt, request_id::MakeRequestUuid};
use utoipa_axum::router::OpenApiRouter;

pub use self::openapi::openapi_document;
use self::{events::Streams, idempotency::Repeats, rate_limits::RateLimits};
use crate::{
    agent::{balancing::Balancing, fleet::Fleet},
    control::{
        access::AccessControl,
        accounts::Accounts,
        activations::Activations,
        apps::Apps,
        audit::Audit,
        authorization::Authorization,
        backups::Backups,
        block_storage::BlockStorage,
        bundles::Bundles,
        certificates::Certificates,
        clusters::Clusters,
        config::Config,
        data::Data,
        droplets::Droplets,
        factors::Factors,
        jobs::Jobs,
        keys::Keys,
        linking::Links,
        logging::LoggingControl,
        placing::Placing,
        post::Post,
        projects::Projects,
        pushes::Pushes,
        queues::Queues,
        quotas::Quotas,
        routes::Routes,
        sessions::Sessions,
        sign_in::SignIn,
        sign_ups::SignUps,
        terms_of_use::TermsOfUse,
        this_host::{Name, ThisHost},
        users::Users,
    },
    roles::Roles,
};

/// The largest JSON body: a push of many files lists all their blocks.
const MAX_JSON: usize = 32 << 20;
/// The largest JSON body of somebody who is not signed in.
const MAX_PUBLIC: usize = 64 << 10;

/// What handlers have at hand.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) host: Arc<Host>,
    pub(crate) this_host: ThisHost,
    pub(crate) apps: Apps,
    pub(crate) data: Data,
    pub(crate) droplets: Droplets,
    pub(crate) pushes: Pushes,
    pub(crate) backups: Backups,
    pub(crate) block_storage: BlockStorage,
    pub(crate) bundles: Bundles,
    pub(crate) clusters: Clusters,
    pub(crate) certificates: Certificates,
    pub(crate) routes: Routes,
    pub(crate) jobs: Jobs,
    pub(crate) queues: Queues,
    pub(crate) keys: Keys,
    pub(crate) projects: Projects,
    pub(crate) access: AccessControl,
    pub(crate) quotas: Quotas,
    pub(crate) sessions: Sessions,
    pub(crate) sign_in: SignIn,
    pub(crate) factors: Factors,
    pub(crate) authorization: Authorization,
    pub(crate) users: Users,
    pub(crate) accounts: Accounts,
    pub(crate) activations: Activations,
    pub(crate) sign_ups: SignUps,
    pub(crate) terms_of_use: TermsOfUse,
    pub(crate) post: Post,
    pub(crate) config: Config,
    pub(crate) audit: Audit,
    pub(crate) logging: LoggingControl,
    pub(crate) links: Links,
    pub(crate) placing: Placing,
    pub(crate) balancing: Arc<Balancing>,
    pub(crate) roles: Arc<Roles>,
    pub(crate) blocks: Blocks,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) store: Store,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) rate_limits: Arc<RateLimits>,
    pub(crate) repeats: Repeats,
    pub(crate) streams: Streams,
    /// Cancelled when the host stops, so that streams end.
    pub(crate) ending: CancellationToken,
}

/// What this host is.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) id: HostId,
    pub(crate) name: Name,
    pub(crate) management: SocketAddr,
    pub(crate) apps: SocketAddr,
    pub(crate) app_domain: String,
    pub(crate) started: Instant,
}

/// Every route under `/api/v1`, with its description.
fn v1() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(self_service::routes())
        .merge(keys::routes())
        .merge(factors::routes())
        .merge(identities::routes())
        .merge(users::routes())
        .merge(sign_ups::routes())
        .merge(terms::routes())
        .merge(config::routes())
        .merge(signing_keys::routes())
        .merge(status::routes())
        .merge(audit::routes())
        .merge(logging::routes())
        .merge(platform_log::routes())
        .merge(load_balancer::routes())
        .merge(certificates::routes())
        .merge(ports::routes())
        .merge(links::routes())
        .merge(clusters::routes())
        .merge(projects::routes())
        .merge(access::routes())
        .merge(quotas::routes())
        .merge(apps::routes())
        .merge(droplets::routes())
        .merge(app_metrics::routes())
        .merge(logs::routes())
        .merge(blocks::routes())
        .merge(backups::routes())
        .merge(data::routes())
        .merge(bundles::routes())
        .merge(routes::routes())
        .merge(roles::routes())
        .merge(jobs::routes())
        .merge(queues::routes())
        .merge(events::routes())
}

/// Everything that a host answers.
pub(crate) fn router(api: Api) -> Router {
    let (described, document) = openapi::with_document();
    let authorise = middleware::from_fn_with_state(api.clone(), authorise::authorise);
    let carry = middleware::from_fn_with_state(api.clone(), node::carry);
    let once = middleware::from_fn_with_state(api.repeats.clone(), idempotency::once);
    let note = middleware::from_fn_with_state(api.audit.clone(), refusals::note);
    // The last one added is the outermost.
    let pages = pages::routes()
        .merge(console::session())
        .route_layer(note.clone());
    let described = described
        .route_layer(middleware::from_fn(etag::tag))
        .route_layer(once)
        .route_layer(middleware::from_fn_with_state(
            openapi::Known::of(&document),
            openapi::guard,
        ))
        .route_layer(carry)
        .route_layer(authorise)
        .route_layer(note);
    let layers = tower::ServiceBuilder::new()
        .set_x_request_id(MakeRequestUuid)
        .layer(middleware::from_fn_with_state(
            api.config.clone(),
            client_address::find,
        ))
        .layer(middleware::from_fn(reply::trace))
        .layer(middleware::from_fn(linger::to_the_end))
        .propagate_x_request_id();
    let metering = rate_limits::Metering {
        limits: Arc::clone(&api.rate_limits),
        audit: api.audit.clone(),
    };
    let meter = middleware::from_fn_with_state(metering, rate_limits::meter);
    described
        .merge(openapi::route(&document))
        .merge(pages)
        .layer(meter)
        .merge(probes::routes())
        .merge(console::files())
        .fallback(console::or_no_such_route)
        .method_not_allowed_fallback(problems::method_not_allowed)
        .layer(layers)
        .with_state(api)
}
