//! What Muster remembers: SeaORM entities and queries, a file per resource.
//!
//! [`Store`] opens the database and asks it; [`Store::write`] changes it, one
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
mod changes;
mod columns;
mod droplets;
mod error;
mod factors;
mod hosts;
mod idempotency;
mod identities;
mod jobs;
mod live;
mod mails;
mod memberships;
mod packages;
mod passwords;
mod placements;
mod projects;
mod quotas;
mod reader;
mod refresh_tokens;
mod releases;
mod roles;
mod routes;
mod sessions;
mod settings;
mod sign_ups;
mod signing_keys;
mod sqlite;
mod store;
mod terms;
mod tickets;
mod tx;
mod user_ends;
mod users;

#[cfg(test)]
mod testing;

pub use access::{AccessBindingRecord, AccessRoleRecord};
pub use access_keys::AccessKeyRecord;
pub use apps::AppRecord;
pub use audit::AuditKeep;
pub use bundles::BundleRecord;
pub use changes::{ChangeKind, ChangeRecord};
pub use columns::now;
pub use droplets::DropletRecord;
pub use error::StoreError;
pub use factors::{passkeys::PasskeyRecord, totp::TotpRecord};
pub use hosts::HostRecord;
pub use idempotency::{AnswerRecord, IdempotencyRecord};
pub use identities::IdentityRecord;
pub use jobs::JobRecord;
pub use mails::MailRecord;
pub use memberships::MembershipRecord;
pub use muster_api::audit::{AuditEntry, AuditRecord};
pub use packages::PackageRecord;
pub use placements::PlacementRecord;
pub use projects::{MemberRecord, ProjectRecord};
pub use quotas::{QuotaRecord, ReservationRecord};
pub use reader::Reader;
pub use refresh_tokens::RefreshTokenRecord;
pub use releases::ReleaseRecord;
pub use roles::RoleRecord;
pub use routes::{Detached, Redirect, RouteRecord, TargetRecord};
pub use sessions::SessionRecord;
pub use signing_keys::SigningKeyRecord;
pub use store::{Store, Work};
pub use terms::{AcceptanceRecord, TermRecord};
pub use tickets::TicketRecord;
pub use tx::Tx;
pub use users::{UserFilter, UserRecord};
