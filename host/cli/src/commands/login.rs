//! `muster login`

use std::{
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use clap::Args;
use muster_api::tokens::TokenRequest;

use super::{Scope, serve::usual_data_dir};
use crate::{
    client::{Transport, local_key},
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
    #[arg(
        long,
        env = "MUSTER_URL",
        hide_env_values = true,
        required_unless_present = "local"
    )]
    url: Option<String>,
    /// Your name there
    #[arg(long, value_name = "NAME", required_unless_present = "local")]
    user: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
    /// Get in with the own key of a host on this machine, without a password: for whoever may
    /// read its data directory
    #[arg(long, conflicts_with_all = ["user", "password_stdin"])]
    local: bool,
    /// The data directory of the host on this machine; the usual one unless told
    #[arg(long, value_name = "DIR", requires = "local")]
    data_dir: Option<PathBuf>,
}

/// Logs in and puts the context in use; `--context` names it, else it is called
/// `default`.
///
/// # Errors
/// If the host refuses, or the tokens cannot be kept.
pub async fn run(scope: &Scope, args: LoginArgs) -> Result<(), Failure> {
    let context = if args.local {
        by_local_key(args.data_dir).await?
    } else {
        by_password(args).await?
    };
    let name = scope.context.as_deref().unwrap_or(DEFAULT_CONTEXT);
    let row = ContextRow::new(name, &context, Some(name));
    let line = format!(
        "Logged in to {} as {}; context {name} is in use",
        context.url, context.user
    );
    ContextStore::of_this_user()?.change(|contexts| {
        contexts.contexts.insert(name.to_owned(), context);
        contexts.current = Some(name.to_owned());
        Ok(())
    })?;
    scope.output.done(&line, &row)
}

/// Remembers where the key is, not what it is: so it is read anew each time,
/// and goes on after it was rotated.
async fn by_local_key(data_dir: Option<PathBuf>) -> Result<Context, Failure> {
    let data_dir = match data_dir {
        Some(data_dir) => std::path::absolute(data_dir)?,
        None => usual_data_dir()?,
    };
    let key = local_key(&data_dir)?;
    let transport = Transport::new(&key.url)?;
    let request = TokenRequest {
        grant_type: "client_credentials".to_owned(),
        client_id: Some(key.id.clone()),
        client_secret: Some(key.secret),
        ..TokenRequest::default()
    };
    transport.tokens(request).await?;
    Ok(Context {
        url: transport.address().to_owned(),
        user: key.id,
        tokens: None,
        data_dir: Some(data_dir),
    })
}

async fn by_password(args: LoginArgs) -> Result<Context, Failure> {
    let (url, user) = (args.url.unwrap_or_default(), args.user.unwrap_or_default());
    let transport = Transport::new(&url)?;
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
        username: Some(user.clone()),
        password: Some(password),
        ..TokenRequest::default()
    };
    let reply = transport.tokens(request).await?;
    Ok(Context {
        url: transport.address().to_owned(),
        user,
        tokens: Some(Tokens::from_reply(reply)),
        data_dir: None,
    })
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
