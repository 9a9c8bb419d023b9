//! What an operator settles while Muster runs: named sections, each a struct
//! with defaults, kept in the database and served at `/api/v1/config/{section}`.
//! A section that was never set is its defaults.

pub mod secret;

pub use secret::Secret;
