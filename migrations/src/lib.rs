//! The history of the database schema: a dated module per change, oldest first.
//! What was released is never edited; the next change gets a module of its own.
//! Nothing here imports entities, so that a migration keeps its meaning when
//! they move on.
//!
//! The same history runs on SQLite and PostgreSQL. Points in time are
//! milliseconds since 1970 in UTC, as 64-bit integers: they sort and compare
//! alike in both databases, whatever their ideas of time zones. Structures that
//! are only ever read as a whole are JSON.
//!
//! Hosts of a cluster are upgraded one after the other, and can go back. So the
//! version before must be able to go on with the schema of the next one: a change
//! only adds, and what it adds to a table that there is has a default. What is to
//! be renamed or removed takes two versions: the first one does without it, the
//! next one removes it and raises [`WORKS_SINCE`].

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

mod m20261121_000001_foundation;
mod m20261122_000001_identity;
mod m20261122_000002_audit;
mod m20261122_000003_api_mechanisms;
mod m20261122_000004_users;
mod m20261122_000005_quotas;
mod m20261122_000006_keys;
mod m20261122_000007_second_factors;
mod m20261122_000008_jobs;
mod m20261122_000009_fingerprints;
mod m20261122_000010_changes_of_projects;
mod m20261122_000020_links;
mod m20261122_000021_placements;
mod m20261122_000022_bundles;
mod m20261122_000025_clusters;
mod m20261122_000030_leases;
mod m20261122_000031_commits;
mod m20261122_000032_certificates;
mod m20261122_000040_neighbours;
mod m20261122_000041_messages;
mod m20261122_000042_commits_by_number;

/// The oldest version of Muster that can work with the newest schema. It is never
/// newer than the version before the one that has the change.
pub const WORKS_SINCE: &str = "0.1.0";

/// Where a database keeps since which versions it can be worked with; the newest
/// of them counts.
pub const SINCE_TABLE: &str = "schema_since";

/// Brings a database to the newest schema.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_foundation::Migration),
            Box::new(m20261122_000001_identity::Migration),
            Box::new(m20261122_000002_audit::Migration),
            Box::new(m20261122_000003_api_mechanisms::Migration),
            Box::new(m20261122_000004_users::Migration),
            Box::new(m20261122_000005_quotas::Migration),
            Box::new(m20261122_000006_keys::Migration),
            Box::new(m20261122_000007_second_factors::Migration),
            Box::new(m20261122_000008_jobs::Migration),
            Box::new(m20261122_000009_fingerprints::Migration),
            Box::new(m20261122_000010_changes_of_projects::Migration),
            Box::new(m20261122_000020_links::Migration),
            Box::new(m20261122_000021_placements::Migration),
            Box::new(m20261122_000022_bundles::Migration),
            Box::new(m20261122_000025_clusters::Migration),
            Box::new(m20261122_000030_leases::Migration),
            Box::new(m20261122_000031_commits::Migration),
            Box::new(m20261122_000032_certificates::Migration),
            Box::new(m20261122_000040_neighbours::Migration),
            Box::new(m20261122_000041_messages::Migration),
            Box::new(m20261122_000042_commits_by_number::Migration),
        ]
    }
}
