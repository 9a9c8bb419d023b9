//! The block store: content in blocks named by their SHA-256.
//!
//! [`Blocks`] keeps blocks of up to 4 MiB and knows nothing of what they mean.
//! Whatever comes in is checked against its name, whatever goes out as well, and
//! what was acknowledged survives a loss of power. Files are lists of blocks:
//! [`Blocks::write_file`] cuts them, [`Blocks::read_file`] joins them and
//! [`Blocks::materialise`] puts whole trees of them on disk.

mod blocks;
mod digest;
mod error;
mod files;
mod garbage;
mod local;
mod materialise;
mod paths;

#[cfg(test)]
mod testing;

pub use blocks::Blocks;
pub use digest::file_digest;
pub use error::BlocksError;
pub use garbage::Collected;
pub use paths::{PathError, check_path, check_tree};
