//! Servers that Muster asks, as real ones: a directory, a provider of OpenID
//! Connect, an SMTP server. `cargo xtask servers` installs them. A test starts
//! what it needs, on free ports and with folders of its own; it ends with the
//! value.

mod authority;
mod browser;
mod node;
mod oidc;
mod slapd;
mod smtp;

use std::path::PathBuf;

pub use authority::{Authority, Certificate};
pub use browser::{Browser, Page};
pub use oidc::{OidcOptions, OidcProvider};
pub use slapd::{SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Slapd};
pub use smtp::{Mail, SmtpOptions, SmtpServer};

use crate::guests::workspace;

/// What `cargo xtask servers` has installed under a name.
///
/// # Panics
/// If it has not.
fn installed(name: &str) -> PathBuf {
    let path = workspace().join("target/servers").join(name);
    assert!(
        path.exists(),
        "{} is not there: call `cargo xtask servers`",
        path.display()
    );
    path.canonicalize().expect("a path that is there")
}
