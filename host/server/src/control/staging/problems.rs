//! What the owner of a push is told when it fails.

use muster_api::problem::Problem;
use muster_blocks::BlocksError;
use muster_store::StoreError;

use crate::{
    control::{error::ControlError, jobs::problem},
    roles::stager::StagerError,
};

/// The code of problems that nobody stages here.
pub(super) const NO_STAGER: &str = "stager-missing";

/// The host could not stage it.
pub(super) fn failed(error: &ControlError) -> Problem {
    match error {
        ControlError::Store(StoreError::NoSpace) | ControlError::Blocks(BlocksError::NoSpace) => {
            problem(
                "no-space",
                "The host's disk is full",
                "nothing was changed",
                Some("free some space on the data directory's disk and push again".to_owned()),
            )
        }
        ControlError::Store(StoreError::NoSpaceThere) => problem(
            "no-space",
            "The disk of the database server is full",
            "nothing was changed",
            Some("free some space there and push again".to_owned()),
        ),
        ControlError::OverQuota(over) => {
            let mut found = problem(
                "over-quota",
                "This would be more than a quota allows",
                error.to_string(),
                Some(format!(
                    "see what is used with: muster quota usage {}",
                    over.project
                )),
            );
            found.quota = Some((**over).clone());
            found
        }
        other => problem("push-failed", "The push failed", other.to_string(), None),
    }
}

pub(super) fn stager_problem(error: StagerError) -> Problem {
    match error {
        StagerError::Rejected(rejection) => {
            let mut found = problem(
                &rejection.code,
                "The package cannot be staged",
                rejection.message,
                None,
            );
            for detail in rejection.details {
                found.detail.push_str("\n  ");
                found.detail.push_str(&detail);
            }
            found
        }
        StagerError::NoRole => problem(
            NO_STAGER,
            "This host has no stager role",
            "nothing was staged",
            Some("add it with: muster role add stager".to_owned()),
        ),
        StagerError::Stopped => problem(
            NO_STAGER,
            "This host's stager role is stopped",
            "nothing was staged",
            Some("start it with: muster role start stager".to_owned()),
        ),
        StagerError::Plugin(error) => problem(
            "stager-failed",
            "The stager role failed",
            error.to_string(),
            Some("see: muster role show stager".to_owned()),
        ),
    }
}
