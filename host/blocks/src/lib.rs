//! The block store: content in blocks named by their SHA-256.
//!
//! [`Blocks`] keeps blocks of up to 4 MiB and knows nothing of what they mean: in
//! local files, or in a bucket of an S3-compatible server behind a cache of local
//! files ([`Place`]).
//! Whatever comes in is checked against its name, whatever goes out as well, and
//! what was acknowledged survives a loss of power. Files are lists of blocks:
//! [`Blocks::write_file`] cuts them, [`Blocks::read_file`] joins them and
//! [`Blocks::materialise`] puts whole trees of them on disk. What belongs to no block
//! is kept as it is in a [`Depot`].

mod blocks;
mod cache;
mod depot;
mod digest;
mod error;
mod files;
mod garbage;
mod local;
mod materialise;
mod near;
mod paths;
mod place;
mod remote;
mod transfer;

#[cfg(test)]
mod testing;

pub use blocks::Blocks;
pub use cache::Cached;
pub use depot::{Depot, Stored, Upload};
pub use digest::file_digest;
pub use error::BlocksError;
pub use garbage::Collected;
pub use paths::{PathError, check_path, check_tree};
pub use place::{Credentials, Place, PlaceError, S3Place};
pub use transfer::{Moved, Moving, Step, Totals};
