//! What can go wrong with blocks.

use std::{error::Error, io};

use muster_api::blocks::{Digest, MAX_BLOCK};

use crate::paths::PathError;

/// Why the block store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlocksError {
    /// The bytes are not those that their name says. They were not kept.
    #[error("the block's SHA-256 is {actual}, not {expected}")]
    Mismatch {
        /// The name that they came with.
        expected: Digest,
        /// The name that they deserve.
        actual: Digest,
    },
    /// The bytes are too many for a block. They were not kept.
    #[error("a block has at most {MAX_BLOCK} bytes, this one has {size}")]
    TooLarge {
        /// How many there are.
        size: usize,
    },
    /// There is no such block.
    #[error("the block {0} is missing")]
    Missing(Digest),
    /// The block was damaged where it is kept. It has been set aside, and counts
    /// as missing from now on.
    #[error("the block {0} was damaged where it is kept and has been set aside; upload it again")]
    Corrupt(Digest),
    /// A file's size and its blocks contradict each other.
    #[error(
        "the file '{path}' says that it has {size} bytes, but its blocks do not add up to that"
    )]
    Size {
        /// The file.
        path: String,
        /// What it says.
        size: u64,
    },
    /// A path leads where it must not.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The disk is full. What was being written is gone.
    #[error("no space is left for blocks")]
    NoSpace,
    /// The server that keeps the blocks does not do its part, for a reason that may
    /// pass. Nothing was kept.
    #[error("the server that keeps the blocks did not do it: {reason}")]
    Away {
        /// What it said, or why it could not be reached.
        reason: String,
    },
    /// Blocks are there already, so that they cannot be moved there.
    #[error("the blocks are kept there already")]
    Same,
    /// Anything else.
    #[error("the block store failed: {0}")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl From<io::Error> for BlocksError {
    fn from(error: io::Error) -> Self {
        if lacks_space(&error) {
            Self::NoSpace
        } else {
            Self::Other(Box::new(error))
        }
    }
}

impl From<object_store::Error> for BlocksError {
    fn from(error: object_store::Error) -> Self {
        if lacks_space(&error) {
            Self::NoSpace
        } else {
            Self::Other(Box::new(error))
        }
    }
}

/// Whether a full disk is behind an error, however deep.
fn lacks_space(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_seen_through_other_errors() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(full().into(), BlocksError::NoSpace));
        let wrapped = object_store::Error::Generic {
            store: "local",
            source: Box::new(full()),
        };
        assert!(matches!(wrapped.into(), BlocksError::NoSpace));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(matches!(BlocksError::from(denied), BlocksError::Other(_)));
    }
}
