//! `muster login`

use clap::Args;
use muster_api::tokens::{TokenReply, TokenRequest};

use super::{
    Scope,
    password::PasswordArgs,
    sign_up::{accept, solve},
};
use crate::{
    client::{ClientError, Transport},
    contexts::{Context, ContextStore, Tokens},
    failure::Failure,
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
    /// Accept this version of the terms of use without being asked
    #[arg(long, value_name = "VERSION")]
    accept_terms: Option<u64>,
    #[command(flatten)]
    source: PasswordArgs,
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
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(args.user.clone()),
        password: Some(password),
        ..TokenRequest::default()
    };
    let reply = ask(&transport, request, args.accept_terms).await?;
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
async fn ask(
    transport: &Transport,
    mut request: TokenRequest,
    accepted: Option<u64>,
) -> Result<TokenReply, Failure> {
    /// More things than there are to ask for.
    const ROUNDS: usize = 5;
    for _ in 0..ROUNDS {
        let error = match transport.tokens(request.clone()).await {
            Err(ClientError::SignIn(error)) => error,
            result => return Ok(result?),
        };
        match (error.error.as_str(), error.terms, &error.captcha) {
            ("terms_required", Some(version), _) if request.accept_terms != Some(version) => {
                request.accept_terms = Some(accept(transport, version, accepted).await?);
                // The proof was used up.
                request.captcha = None;
            }
            ("captcha_required", _, Some(challenge)) if request.captcha.is_none() => {
                let challenge = serde_json::from_value(challenge.clone());
                let Ok(challenge) = challenge else {
                    return Err(ClientError::SignIn(error).into());
                };
                request.captcha = solve(challenge).await?;
            }
            _ => return Err(ClientError::SignIn(error).into()),
        }
    }
    Ok(transport.tokens(request).await?)
}
