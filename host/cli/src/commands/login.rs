//! `muster login`

mod browser;
mod by_password;
mod device;

use std::path::PathBuf;

use clap::Args;
use muster_api::tokens::TokenRequest;

use self::by_password::PasswordLogin;
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
    /// Your name there, to log in with a password instead of your browser
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    by_password: PasswordLogin,
    /// The way to sign in, as the host calls it
    #[arg(long, value_name = "NAME", conflicts_with = "device")]
    method: Option<String>,
    /// Show a code to enter in a browser elsewhere
    #[arg(long, conflicts_with = "user")]
    device: bool,
    /// Only print the address; do not open a browser
    #[arg(long, conflicts_with_all = ["user", "device"])]
    no_browser: bool,
    /// Get in with the own key of a host on this machine, without a password: for whoever may
    /// read its data directory
    #[arg(long, conflicts_with_all = ["user", "method", "device", "no_browser"])]
    local: bool,
    /// The data directory of the host on this machine; the usual one unless told
    #[arg(long, value_name = "DIR", requires = "local")]
    data_dir: Option<PathBuf>,
}

/// Logs in with the browser, a code or a password, and puts the context in use;
/// `--context` names it, else it is called `default`.
///
/// # Errors
/// If the host refuses, or the tokens cannot be kept.
pub async fn run(scope: &Scope, args: LoginArgs) -> Result<(), Failure> {
    let store = ContextStore::of_this_user()?;
    let context = if args.local {
        by_local_key(args.data_dir).await?
    } else {
        by_person(args).await?
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

async fn by_person(args: LoginArgs) -> Result<Context, Failure> {
    let transport = Transport::new(&args.url.unwrap_or_default())?;
    if transport.is_exposed() {
        eprintln!(
            "warning: {} is not HTTPS: what you send can be read on the way",
            transport.address()
        );
    }
    let reply = match args.user {
        Some(user) => args.by_password.run(&transport, user, args.method).await?,
        None if args.device => device::run(&transport).await?,
        None => browser::run(&transport, args.method, !args.no_browser).await?,
    };
    Ok(Context {
        url: transport.address().to_owned(),
        user: transport.name_of(&reply.access_token).await?,
        tokens: Some(Tokens::from_reply(reply)),
        data_dir: None,
    })
}
