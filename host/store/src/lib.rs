//! What Muster remembers: SeaORM entities and queries, a file per resource.
//!
//! [`Store`] opens the database, a file of SQLite or one on a PostgreSQL server,
//! and asks it; [`Store::write`] changes it, one
//! transaction at a time. What can be asked are the methods of [`Reader`],
//! which serve outside and inside of a transaction alike; what can be changed
//! are the methods of [`Tx`], so that several changes become one transaction.
//! Records are plain data: no caller needs to know SeaORM.
//!
//! Points in time are kept in milliseconds; what is finer is cut off, which
//! [`now`] does from the beginning.

mod access;
mod access_keys;
mod apps;
mod audit;
mod bundles;
mod certificates;
mod changes;
mod clusters;
mod columns;
mod copying;
mod droplets;
mod error;
mod executor;
mod export;
mod factors;
mod hosts;
mod idempotency;
mod identities;
mod jobs;
mod leases;
mod live;
mod memberships;
mod messages;
mod packages;
mod passwords;
mod placements;
mod postgres;
mod projects;
mod quotas;
mod reader;
mod refresh_tokens;
mod releases;
mod revisions;
mod roles;
mod routes;
mod schema;
mod sessions;
mod settings;
mod sign_ups;
mod signing_keys;
mod sqlite;
mod store;
mod terms;
mod text;
mod tickets;
mod transaction;
mod tx;
mod user_ends;
mod users;
mod version;

#[cfg(test)]
mod testing;

pub use access::{AccessBindingRecord, AccessRoleRecord};
pub use access_keys::AccessKeyRecord;
pub use apps::AppRecord;
pub use audit::AuditKeep;
pub use bundles::BundleRecord;
pub use certificates::CertificateRecord;
pub use changes::{ChangeKind, ChangeRecord};
pub use clusters::ClusterRecord;
pub use columns::now;
pub use copying::{CopiedTable, CopyError, CopyProgress, Progress, Staying};
pub use droplets::DropletRecord;
pub use error::StoreError;
pub use export::{ImportError, Imported};
pub use factors::{passkeys::PasskeyRecord, totp::TotpRecord};
pub use hosts::HostRecord;
pub use idempotency::{AnswerRecord, IdempotencyRecord};
pub use identities::IdentityRecord;
pub use jobs::JobRecord;
pub use leases::{Fence, LeaseRecord};
pub use memberships::MembershipRecord;
pub use messages::{MessageRecord, QueueCounts};
pub use muster_api::audit::{AuditEntry, AuditRecord};
pub use packages::PackageRecord;
pub use placements::PlacementRecord;
pub use postgres::{DatabaseUrl, DatabaseUrlError};
pub use projects::{MemberRecord, ProjectRecord};
pub use quotas::{QuotaRecord, ReservationRecord};
pub use reader::Reader;
pub use refresh_tokens::RefreshTokenRecord;
pub use releases::ReleaseRecord;
pub use revisions::Revisions;
pub use roles::RoleRecord;
pub use routes::{Detached, Redirect, RouteRecord, TargetRecord};
pub use sessions::SessionRecord;
pub use signing_keys::SigningKeyRecord;
pub use store::{Store, Work};
pub use terms::{AcceptanceRecord, TermRecord};
pub use tickets::TicketRecord;
pub use tx::Tx;
pub use users::{UserFilter, UserRecord};
pub use version::{STAMP_WIDTH, Stamp, StampFinder, Version, version};
