//! What an operator settles while Muster runs: named sections, each a struct
//! with defaults, kept in the database and served at `/api/v1/config/{section}`.
//! A section that was never set is its defaults.

pub mod mail;
pub mod secret;
pub mod sign_in;

pub use secret::Secret;
