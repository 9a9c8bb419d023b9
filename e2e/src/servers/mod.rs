//! Servers that Muster asks, as real ones: databases, a directory, a provider of
//! OpenID Connect, an SMTP server, an S3 server, NATS. `cargo xtask servers` installs them. A test starts
//! what it needs, on free ports and with folders of its own; it ends with the
//! value.

mod authority;
mod browser;
mod nats;
mod node;
mod oidc;
mod postgres;
mod s3;
mod slapd;
mod smtp;

use std::path::PathBuf;

pub use authority::{Authority, Certificate};
pub use browser::{Browser, Page};
pub use nats::{Nats, NatsOptions};
pub use oidc::{OidcOptions, OidcProvider};
pub use postgres::{Database, Pair, Postgres, on_postgres};
pub use s3::{S3Options, S3Server};
pub use slapd::{SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Slapd};
pub use smtp::{Mail, SmtpOptions, SmtpServer};

use crate::guests::workspace;

/// What `cargo xtask servers` has installed under a name.
///
/// # Panics
/// If it has not.
pub(crate) fn installed(name: &str) -> PathBuf {
    let path = workspace().join("target/servers").join(name);
    assert!(
        path.exists(),
        "{} is not there: call `cargo xtask servers`",
        path.display()
    );
    path.canonicalize().expect("a path that is there")
}
