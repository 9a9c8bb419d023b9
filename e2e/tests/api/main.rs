//! What the API promises of each resource: over HTTP, against the real host.

mod apps;
mod audit;
mod blocks;
mod conditions;
mod droplets;
mod events;
mod idempotency;
mod jobs;
mod logging;
mod logs;
mod platform_log;
mod projects;
mod proxies;
mod rate_limits;
mod roles;
mod routes;
mod status;
mod terms_of_changes;
