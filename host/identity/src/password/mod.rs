//! Passwords: whether one is good enough, and hashing them.

mod hasher;
mod policy;

pub use hasher::{AcceptError, HashError, Hasher, Verdict};
pub use policy::{MAX_BYTES, WeakPassword, check};
