//! On what terms a change is made: whether at all, and only if nothing has
//! changed meanwhile.

use muster_api::{backups::Backup, config::SectionView, logging::LoggingState, plan::Plan};
use muster_blocks::Place;
use muster_store::{
    AccessBindingRecord, AccessKeyRecord, AccessRoleRecord, AppRecord, BundleRecord,
    CertificateRecord, ClusterRecord, JobRecord, MemberRecord, MessageRecord, PasskeyRecord,
    ProjectRecord, QuotaRecord, RoleRecord, RouteRecord, SessionRecord, UserRecord,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{error::ControlError, this_host::Whereabouts};

/// The terms of one change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Terms {
    /// What must be there still.
    pub(crate) only_if: OnlyIf,
    /// Whether the change is only to be told.
    pub(crate) dry_run: bool,
}

/// What must be there for a change to be made, as `If-Match` says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum OnlyIf {
    /// Nothing in particular.
    #[default]
    Always,
    /// The thing, whatever it is like.
    Exists,
    /// The thing in one of these versions.
    Versions(Vec<String>),
}

impl Terms {
    /// What became of a change that these are the terms of.
    pub(crate) fn outcome<T>(&self, made: T, plan: Plan) -> Outcome<T> {
        if self.dry_run {
            Outcome::Planned(plan)
        } else {
            Outcome::Done(made)
        }
    }

    /// Checks what was found, inside of the transaction that is to change it.
    ///
    /// # Errors
    /// [`ControlError::Outdated`] if it is not what the terms ask for.
    pub(crate) fn check(&self, found: Option<&impl Versioned>) -> Result<(), ControlError> {
        let version = found.map(Versioned::version);
        let good = match (&self.only_if, &version) {
            (OnlyIf::Always, _) | (OnlyIf::Exists, Some(_)) => true,
            (OnlyIf::Versions(wanted), Some(version)) => wanted.contains(version),
            (_, None) => false,
        };
        if good {
            Ok(())
        } else {
            Err(ControlError::Outdated { version })
        }
    }
}

/// What became of a change.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// It was made.
    Done(T),
    /// It was only told.
    Planned(Plan),
}

/// What has versions: the same one as long as nothing was changed that somebody
/// decided on. What merely happens, such as instances that come and go, makes
/// no new version.
pub(crate) trait Versioned {
    /// The version, a short word.
    fn version(&self) -> String;
}

impl Versioned for AppRecord {
    fn version(&self) -> String {
        digest(&(
            self.id,
            self.state,
            self.instances,
            self.current_release,
            self.next_release,
            self.updated_at.unix_timestamp_nanos(),
        ))
    }
}

impl Versioned for RouteRecord {
    fn version(&self) -> String {
        let targets: Vec<_> = self
            .targets
            .iter()
            .map(|target| (target.app, target.weight))
            .collect();
        digest(&(self.id, &self.redirect, self.sticky, targets))
    }
}

impl Versioned for JobRecord {
    fn version(&self) -> String {
        digest(&(self.id, self.state, &self.step, self.log.len()))
    }
}

impl Versioned for AccessKeyRecord {
    fn version(&self) -> String {
        digest(&(
            &self.id,
            self.rotated_at.unix_timestamp_nanos(),
            self.revoked_at.is_some(),
        ))
    }
}

impl Versioned for AccessBindingRecord {
    fn version(&self) -> String {
        digest(&self.id)
    }
}

impl Versioned for MemberRecord {
    fn version(&self) -> String {
        digest(&(self.project, self.user, self.role, self.state))
    }
}

impl Versioned for PasskeyRecord {
    fn version(&self) -> String {
        digest(&(&self.id, &self.name))
    }
}

impl Versioned for SessionRecord {
    fn version(&self) -> String {
        digest(&self.id)
    }
}

/// A secret that was replaced makes no new version: it cannot be seen, and who
/// sends back what they saw keeps it.
impl Versioned for SectionView {
    fn version(&self) -> String {
        digest(&(&self.section, self.is_set, &self.values))
    }
}

impl Versioned for Whereabouts {
    fn version(&self) -> String {
        digest(&(&self.name, &self.next_addresses))
    }
}

impl Versioned for LoggingState {
    fn version(&self) -> String {
        digest(&(&self.logging, &self.kept))
    }
}

impl Versioned for ProjectRecord {
    fn version(&self) -> String {
        digest(&(self.id, self.state, self.updated_at.unix_timestamp_nanos()))
    }
}

impl Versioned for QuotaRecord {
    fn version(&self) -> String {
        digest(&(self.id, self.limit))
    }
}

impl Versioned for AccessRoleRecord {
    fn version(&self) -> String {
        digest(&(&self.name, &self.description, &self.permissions))
    }
}

impl Versioned for BundleRecord {
    fn version(&self) -> String {
        digest(&(&self.name, self.kind, &self.digest))
    }
}

impl Versioned for ClusterRecord {
    fn version(&self) -> String {
        digest(self)
    }
}

impl Versioned for CertificateRecord {
    fn version(&self) -> String {
        digest(&(
            &self.name,
            &self.chain,
            self.created_at.unix_timestamp_nanos(),
        ))
    }
}

impl Versioned for MessageRecord {
    fn version(&self) -> String {
        digest(&(self.id, self.attempts, self.dead_at.is_some()))
    }
}

impl Versioned for RoleRecord {
    fn version(&self) -> String {
        digest(&(&self.name, self.enabled, &self.component))
    }
}

impl Versioned for Backup {
    fn version(&self) -> String {
        digest(&self.id)
    }
}

impl Versioned for Place {
    fn version(&self) -> String {
        digest(&self.to_string())
    }
}

impl Versioned for UserRecord {
    fn version(&self) -> String {
        digest(&(
            self.id,
            &self.name,
            &self.display_name,
            &self.email,
            self.kind,
            self.state,
        ))
    }
}

/// The first half of a digest, in hexadecimal: enough for what nobody forges.
fn digest(of: &impl Serialize) -> String {
    use std::fmt::Write;
    // Plain data always has a JSON form.
    let json = serde_json::to_vec(of).unwrap_or_default();
    let mut text = String::with_capacity(16);
    for byte in Sha256::digest(json).iter().take(8) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing;

    impl Versioned for Thing {
        fn version(&self) -> String {
            "v2".to_owned()
        }
    }

    #[test]
    fn terms_are_met_by_what_they_name() {
        let check = |only_if: OnlyIf, found: Option<&Thing>| {
            let terms = Terms {
                only_if,
                dry_run: false,
            };
            terms.check(found).is_ok()
        };
        let versions = |all: &[&str]| OnlyIf::Versions(all.iter().map(|&v| v.into()).collect());
        assert!(check(OnlyIf::Always, None));
        assert!(check(OnlyIf::Exists, Some(&Thing)) && !check(OnlyIf::Exists, None));
        assert!(check(versions(&["v1", "v2"]), Some(&Thing)));
        assert!(!check(versions(&["v1"]), Some(&Thing)));
        assert!(!check(versions(&["v2"]), None) && !check(versions(&[]), Some(&Thing)));
    }
}
