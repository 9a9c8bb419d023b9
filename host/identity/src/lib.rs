//! Who somebody is: passwords, second factors, sign-in methods, signed tokens,
//! puzzles for bots, mail. What users may do, and what is kept of them, is
//! decided elsewhere.

pub mod mail;
pub mod sign_in;
mod tls;
