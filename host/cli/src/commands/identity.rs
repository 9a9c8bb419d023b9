//! `muster self identities`, `link` and `unlink`: the sign-in methods that are
//! tied to one's account.

use clap::Args;
use muster_api::identities::{IdentityLink, NewIdentity};
use serde_json::json;

use super::{Scope, captcha, factor::ProofArgs};
use crate::{client::ClientError, failure::Failure, output::text::printable};

/// Which method to tie to the account.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// The method, as the host calls it
    method: String,
    /// For methods with passwords: your name there
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    proof: ProofArgs,
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
    let client = scope.client()?;
    // Whoever pipes them writes the own password first.
    let source = args.proof.source();
    let mut new = NewIdentity {
        method: args.method,
        proof: args.proof.proof()?,
        ..NewIdentity::default()
    };
    if let Some(user) = args.user {
        new.username = Some(user);
        new.password = Some(source.known("Password there: ")?);
    }
    let link = match client.add_identity(&new).await {
        Err(ClientError::Refused(problem)) if problem.code == "captcha-required" => {
            let Some(challenge) = problem.captcha.as_deref().cloned() else {
                return Err(ClientError::Refused(problem).into());
            };
            new.captcha = captcha::solve(challenge).await?;
            client.add_identity(&new).await?
        }
        link => link?,
    };
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
pub async fn unlink(scope: &Scope, method: &str, proof: ProofArgs) -> Result<(), Failure> {
    let client = scope.client()?;
    client.remove_identity(method, &proof.proof()?).await?;
    let line = format!("{method} is not tied to your account any more");
    scope.output.done(&line, &json!({ "method": method }))
}
