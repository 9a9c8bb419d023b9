//! `muster login`

use std::io::{self, IsTerminal, Read};

use clap::Args;
use muster_api::tokens::TokenRequest;

use super::Scope;
use crate::{
    client::Transport,
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
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
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
    let password = if args.password_stdin {
        piped_password()?
    } else {
        typed_password()?
    };
    let request = TokenRequest {
        grant_type: "password".to_owned(),
        username: Some(args.user.clone()),
        password: Some(password),
        ..TokenRequest::default()
    };
    let reply = transport.tokens(request).await?;
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
