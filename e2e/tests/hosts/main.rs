//! Hosts that are linked: nodes, roles, content and apps across machines.

mod app_metrics;
mod bundles;
mod group_settings;
mod link_faults;
mod link_storm;
mod links;
mod network;
mod nodes;
mod ports;
mod readiness;
mod spread;
mod spread_faults;
mod static_ip;
mod tls_certificates;
