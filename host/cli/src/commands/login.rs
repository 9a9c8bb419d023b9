//! `muster login`

mod browser;
mod device;

use std::{
    io::{self, IsTerminal, Read},
    time::Duration,
};

use clap::Args;
use muster_api::{
    captcha::CaptchaChallenge,
    tokens::{OAuthError, TokenReply, TokenRequest},
};
use muster_identity::captcha::puzzle::solve;
use serde_json::Value;
use tokio::task;

use super::Scope;
use crate::{
    client::{ClientError, Transport},
    contexts::{Context, ContextStore, Tokens},
    failure::{Exit, Failure},
    output::ContextRow,
};

/// The context that is made unless told.
const DEFAULT_CONTEXT: &str = "default";

/// How long a puzzle may take.
const PUZZLE: Duration = Duration::from_secs(120);

/// Where to log in, and as whom.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The host's management address, such as http://127.0.0.1:7480
    #[arg(long, env = "MUSTER_URL", hide_env_values = true)]
    url: String,
    /// Your name there, to log in with a password instead of your browser
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// The way to sign in, as the host calls it
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    method: Option<String>,
    /// Show a code to enter in a browser elsewhere
    #[arg(long, conflicts_with = "user")]
    device: bool,
    /// Only print the address; do not open a browser
    #[arg(long, conflicts_with_all = ["user", "device"])]
    no_browser: bool,
}

/// Logs in with the browser, a code or a password, and puts the context in use; `--context` names it, else it is called
/// `default`.
///
/// # Errors
/// If the host refuses, or the tokens cannot be kept.
pub async fn run(scope: &Scope, args: LoginArgs) -> Result<(), Failure> {
    let transport = Transport::new(&args.url)?;
    let store = ContextStore::of_this_user()?;
    if transport.is_exposed() {
        eprintln!(
            "warning: {} is not HTTPS: what you send can be read on the way",
            transport.address()
        );
    }
    let reply = match args.user {
        Some(user) => by_password(&transport, user, args.password_stdin, args.method).await?,
        None if args.device => device::run(&transport).await?,
        None => browser::run(&transport, args.method, !args.no_browser).await?,
    };
    let context = Context {
        url: transport.address().to_owned(),
        user: transport.name_of(&reply.access_token).await?,
        tokens: Some(Tokens::from_reply(reply)),
    };
    let name = scope.context.as_deref().unwrap_or(DEFAULT_CONTEXT);
    let row = ContextRow::new(name, &context, Some(name));
    let line = format!(
        "Logged in to {} as {}; context {name} is in use",
        context.url, context.user
    );
    store.change(|contexts| {
        contexts.contexts.insert(name.to_owned(), context);
        contexts.current = Some(name.to_owned());
        Ok(())
    })?;
    scope.output.done(&line, &row)
}

async fn by_password(
    transport: &Transport,
    user: String,
    piped: bool,
    method: Option<String>,
) -> Result<TokenReply, Failure> {
    let password = if piped {
        piped_password()?
    } else {
        typed_password()?
    };
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(user),
        password: Some(password),
        method,
        ..TokenRequest::default()
    };
    let error = match transport.tokens(request.clone()).await {
        Ok(reply) => return Ok(reply),
        Err(error) => error,
    };
    let puzzle = match &error {
        ClientError::SignIn(told) if told.error == "captcha_required" => puzzle_of(told),
        _ => None,
    };
    let Some(puzzle) = puzzle else {
        return Err(error.into());
    };
    eprintln!("Solving the puzzle that the host sets after failed sign-ins …");
    let proof = task::spawn_blocking(move || solve(&puzzle, PUZZLE)).await;
    let proof = proof.map_err(|_| ClientError::Interrupted)?;
    let proof = proof.map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
    let request = TokenRequest {
        captcha: Some(proof),
        ..request
    };
    Ok(transport.tokens(request).await?)
}

/// The puzzle that an error sets, if it is one that can be solved here.
fn puzzle_of(told: &OAuthError) -> Option<Value> {
    match serde_json::from_value(told.captcha.clone()?).ok()? {
        CaptchaChallenge::Puzzle { challenge } => Some(challenge),
        CaptchaChallenge::Off | CaptchaChallenge::Siteverify { .. } => None,
    }
}

fn piped_password() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("the password cannot be read: {error}")))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::usage("standard input holds no password"));
    }
    Ok(password.to_owned())
}

fn typed_password() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to type a password")
            .hint("add --password-stdin and write the password to standard input"));
    }
    rpassword::prompt_password("Password: ")
        .map_err(|error| Failure::usage(format!("the password cannot be read: {error}")))
}
