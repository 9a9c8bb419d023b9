//! `muster sign-up`, `muster activate` and `muster reset-password`: what people
//! do who are not logged in.

use clap::Args;
use muster_api::{
    sign_ups::{NewActivation, NewPasswordReset, NewSignUp, Verification},
    users::UserState,
};
use reqwest::Url;

use super::{Scope, captcha, password::PasswordArgs, terminal};
use crate::{
    client::Transport,
    failure::{Exit, Failure},
};

/// Who signs up where.
#[derive(Debug, Args)]
pub struct SignUpArgs {
    /// The host's management address, such as http://127.0.0.1:7480
    #[arg(long, env = "MUSTER_URL", hide_env_values = true)]
    url: String,
    /// The name that you want to sign in with
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Where mail reaches you
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// Your name as people say it
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Accept this version of the terms of use without being asked
    #[arg(long, value_name = "VERSION")]
    accept_terms: Option<u64>,
    #[command(flatten)]
    source: PasswordArgs,
}

/// Signs somebody up.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, args: SignUpArgs) -> Result<(), Failure> {
    let transport = Transport::new(&args.url)?;
    let info = transport.sign_up_info().await?;
    if !info.allowed {
        return Err(Failure::new(Exit::Failure, "nobody may sign up there")
            .hint("ask an admin to make a user for you"));
    }
    let accept_terms = match info.terms {
        Some(version) => Some(accept(&transport, version, args.accept_terms).await?),
        None => None,
    };
    let password = args.source.new_one()?;
    let new = NewSignUp {
        name: args.user,
        display_name: args.display_name.unwrap_or_default(),
        email: args.email,
        password,
        captcha: captcha::solve(info.captcha).await?,
        accept_terms,
    };
    let reply = transport.sign_up(&new).await?;
    scope.output.done(&reply.next, &reply)
}

/// Has the person accept a version of the terms of use, unless the command line
/// does.
///
/// # Errors
/// If they do not.
pub async fn accept(
    transport: &Transport,
    version: u64,
    accepted: Option<u64>,
) -> Result<u64, Failure> {
    match accepted {
        Some(accepted) if accepted == version => Ok(version),
        Some(accepted) => Err(Failure::new(
            Exit::Failure,
            format!("version {accepted} of the terms of use does not count any more"),
        )
        .hint(format!(
            "read version {version} at {}/api/v1/terms/{version} and add --accept-terms {version}",
            transport.address()
        ))),
        None => {
            let term = transport.term(version).await?;
            eprintln!("Terms of use, version {version}:\n");
            for line in term.text.lines() {
                eprintln!("  {}", crate::output::text::printable(line));
            }
            eprintln!();
            let question = format!("Do you accept version {version} of the terms of use?");
            terminal::confirm(&question).map_err(|failure| {
                failure.hint(format!(
                    "add --accept-terms {version} to accept them without being asked"
                ))
            })?;
            Ok(version)
        }
    }
}

/// A link that somebody got.
#[derive(Debug, Args)]
pub struct ActivateArgs {
    /// The whole link
    link: String,
    #[command(flatten)]
    source: PasswordArgs,
}

/// Does what a link is for: verifies an address or sets a password.
///
/// # Errors
/// If it is no link, or the host refuses.
pub async fn activate(scope: &Scope, args: ActivateArgs) -> Result<(), Failure> {
    let no_link = || {
        Failure::usage("this is no link of an activation")
            .hint("a link looks like http://HOST/account/activate?token=…")
    };
    let url = Url::parse(&args.link).map_err(|_| no_link())?;
    let token = url
        .query_pairs()
        .find_map(|(name, value)| (name == "token").then(|| value.into_owned()))
        .ok_or_else(no_link)?;
    let (site, page) = url.path().rsplit_once("/account/").ok_or_else(no_link)?;
    let transport = Transport::new(&format!("{}{site}", url.origin().ascii_serialization()))?;
    let reply = match page {
        "verify" => transport.verify_email(&Verification { token }).await?,
        "activate" => {
            let password = args.source.new_one()?;
            transport
                .activate(&NewActivation { token, password })
                .await?
        }
        _ => return Err(no_link()),
    };
    let line = match reply.state {
        UserState::Active => format!(
            "The user {} is active; log in with: muster login --url {} --user {}",
            reply.name,
            transport.address(),
            reply.name
        ),
        _ => format!(
            "The address of {} is verified; an admin has to let you in",
            reply.name
        ),
    };
    scope.output.done(&line, &reply)
}

/// Who has forgotten a password.
#[derive(Debug, Args)]
pub struct ResetPasswordArgs {
    /// The host's management address, such as http://127.0.0.1:7480
    #[arg(long, env = "MUSTER_URL", hide_env_values = true)]
    url: String,
    /// The address that you are known by
    #[arg(long, value_name = "ADDRESS")]
    email: String,
}

/// Asks for a link by which a forgotten password can be replaced.
///
/// # Errors
/// If the host refuses.
pub async fn reset_password(scope: &Scope, args: ResetPasswordArgs) -> Result<(), Failure> {
    let transport = Transport::new(&args.url)?;
    let ask = NewPasswordReset { email: args.email };
    let reply = transport.reset_password(&ask).await?;
    let line = format!("{} Use it with: muster activate LINK", reply.next);
    scope.output.done(&line, &reply)
}
