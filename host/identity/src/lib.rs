//! Who somebody is: passwords, second factors, sign-in methods, signed tokens,
//! puzzles for bots, mail. What users may do, and what is kept of them, is
//! decided elsewhere.

pub mod captcha;
pub mod keyring;
pub mod lockout;
pub mod mail;
pub mod passkey;
pub mod password;
pub mod recovery;
pub mod seal;
pub mod secret;
pub mod sign_in;
mod tls;
pub mod totp;
