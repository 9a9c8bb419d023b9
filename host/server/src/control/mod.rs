//! The rules: what may be changed, by whom, and what follows. One type per
//! domain. Every change is one transaction that also holds its entry in the
//! change log, by which the agent notices, and in the audit log.

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod activations;
pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod authorization;
pub(crate) mod bundles;
pub(crate) mod config;
pub(crate) mod content;
pub(crate) mod droplets;
pub(crate) mod error;
pub(crate) mod factors;
pub(crate) mod failures;
pub(crate) mod host_names;
pub(crate) mod housekeeping;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod linking;
pub(crate) mod links;
pub(crate) mod logging;
pub(crate) mod passwords;
pub(crate) mod placing;
pub(crate) mod plans;
pub(crate) mod ports;
pub(crate) mod post;
pub(crate) mod projects;
pub(crate) mod pushes;
pub(crate) mod quotas;
pub(crate) mod record;
mod redact;
pub(crate) mod rights;
pub(crate) mod rollouts;
pub(crate) mod routes;
pub(crate) mod sealing;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod sign_ups;
pub(crate) mod staging;
pub(crate) mod terms;
pub(crate) mod terms_of_use;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod this_host;
pub(crate) mod tokens;
pub(crate) mod user_states;
pub(crate) mod users;
pub(crate) mod views;
pub(crate) mod watching;
