//! The file that a backup is: parts with names, sealed as a whole, as
//! `FORMAT.md` beside this crate's manifest describes. Nothing here knows what
//! the parts are, or where the file is kept.
//!
//! [`Writer`] takes parts and gives bytes to write; [`Reader`] takes bytes from
//! wherever they are and gives parts.

mod head;
mod key;
mod read;
mod write;

pub use head::{BlocksIn, Head, KeyKind, MAX_HEAD};
pub use key::{Lock, MIN_KEY_FILE};
pub use read::{Item, Reader, head_of};
pub use write::Writer;

/// Why a backup cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is something else.
    #[error("this is no backup of Muster")]
    Foreign,
    /// A newer Muster wrote it.
    #[error("the backup was written by a newer version of Muster (its format is version {0})")]
    Newer(String),
    /// It was cut off.
    #[error("the backup is cut off: its end is missing")]
    CutOff,
    /// It was changed, or the key is another one: nobody can tell which.
    #[error(
        "the backup does not open: the passphrase or key file is another one, or it is damaged at its beginning"
    )]
    Closed,
    /// It opens, but was changed further on.
    #[error("the backup is damaged, {at} bytes from its beginning")]
    Damaged {
        /// How far it could be read.
        at: u64,
    },
    /// What it says of its key cannot be.
    #[error("the key of the backup cannot be made: {0}")]
    Key(String),
    /// It could not be read from where it is.
    #[error("the backup cannot be read: {0}")]
    Io(#[from] std::io::Error),
}
