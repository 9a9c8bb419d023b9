//! `muster self identities`, `link` and `unlink`: the sign-in methods that are
//! tied to one's account.

use clap::Args;
use muster_api::identities::{IdentityLink, NewIdentity};
use serde_json::json;

use super::{Scope, password::PasswordArgs};
use crate::{failure::Failure, output::text::printable};

/// Which method to tie to the account.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// The method, as the host calls it
    method: String,
    /// For methods with passwords: your name there
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    source: PasswordArgs,
}

/// Lists what is tied.
///
/// # Errors
/// If the host refuses.
pub async fn list(scope: &Scope) -> Result<(), Failure> {
    scope.output.show(&scope.client()?.identities().await?)
}

/// Ties a method: with name and password there, or with the browser.
///
/// # Errors
/// If the host refuses.
pub async fn link(scope: &Scope, args: LinkArgs) -> Result<(), Failure> {
    let password = match &args.user {
        Some(_) => Some(args.source.known("Password there: ")?),
        None => None,
    };
    let new = NewIdentity {
        method: args.method,
        username: args.user,
        password,
    };
    let link = scope.client()?.add_identity(&new).await?;
    let line = match &link {
        IdentityLink::Done(identity) => format!(
            "{} of {} is tied to your account",
            printable(&identity.subject),
            identity.method
        ),
        IdentityLink::Browser { url } => format!(
            "Open this address in a browser within ten minutes, sign in there and agree; it works once:\n\n  {url}"
        ),
    };
    scope.output.done(&line, &link)
}

/// Unties a method.
///
/// # Errors
/// If the host refuses.
pub async fn unlink(scope: &Scope, method: &str) -> Result<(), Failure> {
    scope.client()?.remove_identity(method).await?;
    let line = format!("{method} is not tied to your account any more");
    scope.output.done(&line, &json!({ "method": method }))
}
