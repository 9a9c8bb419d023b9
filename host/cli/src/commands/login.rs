//! `muster login`

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
    /// Your name there
    #[arg(long, value_name = "NAME")]
    user: String,
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

/// Logs in and puts the context in use; `--context` names it, else it is called
/// `default`.
///
/// # Errors
/// If the host refuses, or the tokens cannot be kept.
pub async fn run(scope: &Scope, args: LoginArgs) -> Result<(), Failure> {
    let transport = Transport::new(&args.url)?;
    let store = ContextStore::of_this_user()?;
    if transport.is_exposed() {
        eprintln!(
            "warning: {} is not HTTPS: the password can be read on the way",
            transport.address()
        );
    }
    let password = args.source.known("Password: ")?;
    let otp = if args.otp_stdin {
        Some(args.source.known("Code: ")?)
    } else {
        args.otp
    };
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(args.user.clone()),
        password: Some(password),
        otp,
        ..TokenRequest::default()
    };
    let reply = ask(&transport, request).await?;
    let context = Context {
        url: transport.address().to_owned(),
        user: args.user,
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
