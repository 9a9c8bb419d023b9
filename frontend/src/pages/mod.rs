//! The pages.

pub mod apps;
pub mod audit;
pub mod cluster;
pub mod gallery;
pub mod hosts;
pub mod identity;
pub mod jobs;
pub mod later;
pub mod not_found;
pub mod overview;
pub mod roles;
pub mod settings;
pub mod sign_in;
