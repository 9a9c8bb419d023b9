//! The words of the API, shared by server, CLI and console: typed ids, requests,
//! replies and the problem document. Plain data; builds for `wasm32` and does no IO.

pub mod access;
pub mod apps;
pub mod audit;
pub mod authorization;
pub mod blocks;
pub mod captcha;
pub mod config;
pub mod droplets;
pub mod events;
pub mod factors;
pub mod id;
pub mod identities;
pub mod jobs;
pub mod keys;
pub mod logging;
pub mod logs;
pub mod name;
pub mod page;
pub mod permissions;
pub mod plan;
pub mod problem;
pub mod projects;
pub mod pushes;
pub mod quotas;
pub mod roles;
pub mod routes;
pub mod sessions;
pub mod settings;
pub mod sign_ups;
pub mod status;
pub mod terms;
pub mod tokens;
pub mod units;
pub mod users;
