//! `muster login`

mod browser;
mod device;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use clap::Args;
use muster_api::{
    factors::FactorKind,
    tokens::{OAuthError, TokenReply, TokenRequest},
};

use super::{Scope, captcha, password::PasswordArgs, terminal};
use crate::{
    client::{ClientError, Transport},
    contexts::{Context, ContextStore, Tokens},
    failure::{Exit, Failure},
    output::ContextRow,
};

/// The context that is made unless told.
const DEFAULT_CONTEXT: &str = "default";

/// Where to log in, and as whom.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The host's management address, such as http://127.0.0.1:7480
    #[arg(long, env = "MUSTER_URL", hide_env_values = true)]
    url: String,
    /// Your name there, to log in with a password instead of your browser
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The way to sign in, as the host calls it
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    method: Option<String>,
    /// Show a code to enter in a browser elsewhere
    #[arg(long, conflicts_with = "user")]
    device: bool,
    /// Only print the address; do not open a browser
    #[arg(long, conflicts_with_all = ["user", "device"])]
    no_browser: bool,
    #[command(flatten)]
    source: PasswordArgs,
    /// The code of your second factor, or a recovery code; asked for if it is
    /// needed
    #[arg(long, value_name = "CODE")]
    otp: Option<String>,
    /// Read the code from standard input, on the line after the password's
    #[arg(long, requires = "password_stdin", conflicts_with = "otp")]
    otp_stdin: bool,
}

/// Logs in with the browser, a code or a password, and puts the context in use;
/// `--context` names it, else it is called `default`.
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
        Some(user) => {
            let secrets = (args.source, args.otp, args.otp_stdin);
            by_password(&transport, user, args.method, secrets).await?
        }
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
    method: Option<String>,
    (source, otp, otp_stdin): (PasswordArgs, Option<String>, bool),
) -> Result<TokenReply, Failure> {
    let password = source.known("Password: ")?;
    let otp = if otp_stdin {
        Some(source.known("Code: ")?)
    } else {
        otp
    };
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(user),
        password: Some(password),
        method,
        otp,
        ..TokenRequest::default()
    };
    ask(transport, request).await
}

/// Asks for tokens; again with what the host asks for beside the password.
async fn ask(transport: &Transport, mut request: TokenRequest) -> Result<TokenReply, Failure> {
    /// More things than there are to ask for.
    const ROUNDS: usize = 6;
    for _ in 0..ROUNDS {
        let error = match transport.tokens(request.clone()).await {
            Err(ClientError::SignIn(error)) => error,
            result => return Ok(result?),
        };
        // A solved puzzle serves once.
        request.captcha = None;
        match (error.error.as_str(), &error.captcha) {
            ("captcha_required", Some(challenge)) => {
                let Ok(challenge) = serde_json::from_value(challenge.clone()) else {
                    return Err(ClientError::SignIn(error).into());
                };
                request.captcha = captcha::solve(challenge).await?;
            }
            ("otp_required", _) if request.otp.is_none() => {
                request.otp = Some(second_factor(&error)?);
            }
            ("locked", _) if io::stdin().is_terminal() && is_short(&error) => {
                let wait = error.retry_after.unwrap_or(0);
                eprintln!("{}; waiting", error.error_description);
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
            _ => return Err(ClientError::SignIn(error).into()),
        }
    }
    Ok(transport.tokens(request).await?)
}

/// Whether somebody at a terminal would rather wait than type it all again.
fn is_short(locked: &OAuthError) -> bool {
    locked.retry_after.is_some_and(|wait| wait <= 60)
}

/// The code that is asked for.
fn second_factor(error: &OAuthError) -> Result<String, Failure> {
    let typed = [FactorKind::Totp, FactorKind::RecoveryCode];
    let refused = Failure::new(Exit::Forbidden, error.error_description.clone());
    if !error.factors.iter().any(|kind| typed.contains(kind)) {
        return Err(refused.hint("only a browser can ask a passkey: sign in on the host's page"));
    }
    if !io::stdin().is_terminal() {
        return Err(refused
            .hint("add --otp CODE, or --otp-stdin with the code on the line after the password"));
    }
    terminal::code("Code of your second factor: ")
}
