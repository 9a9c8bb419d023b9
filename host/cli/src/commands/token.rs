//! `muster token`: what is known of a token, and its end.

use clap::{Args, Subcommand};
use muster_api::tokens::TokenForm;
use serde_json::json;

use super::{Scope, password};
use crate::{client::Transport, contexts::ContextStore, failure::Failure};

/// What to do with a token, which is read from standard input.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Tell whose a token is, and whether it is good. The token comes from
    /// standard input. It takes an access key: its id, and its secret in
    /// MUSTER_KEY_SECRET
    Inspect(InspectArgs),
    /// End the session that a token belongs to. The token, from standard input,
    /// may be an access token or a refresh token
    Revoke(HostArgs),
}

/// Which host.
#[derive(Debug, Args)]
pub struct HostArgs {
    /// The host's management address; that of the context unless told
    #[arg(long, env = "MUSTER_URL", hide_env_values = true)]
    url: Option<String>,
}

/// Who asks which host.
#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    host: HostArgs,
    /// The access key that asks
    #[arg(long, value_name = "ID", env = "MUSTER_KEY_ID", hide_env_values = true)]
    key: String,
}

impl HostArgs {
    fn transport(self, scope: &Scope) -> Result<Transport, Failure> {
        let url = match self.url {
            Some(url) => url,
            None => {
                let contexts = ContextStore::of_this_user()?.read()?;
                let (_, context) = contexts.select(scope.context.as_deref())?;
                context.url.clone()
            }
        };
        Ok(Transport::new(&url)?)
    }
}

/// Does it.
///
/// # Errors
/// If there is no token, or the host refuses.
pub async fn run(scope: &Scope, command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Inspect(args) => {
            let secret = std::env::var("MUSTER_KEY_SECRET").map_err(|_| {
                Failure::usage("the access key's secret is not known")
                    .hint("set MUSTER_KEY_SECRET; make a key with: muster key create NAME")
            })?;
            let transport = args.host.transport(scope)?;
            let form = TokenForm {
                token: token()?,
                client_id: Some(args.key),
                client_secret: Some(secret),
                ..TokenForm::default()
            };
            scope.output.show(&transport.introspect(&form).await?)
        }
        TokenCommand::Revoke(host) => {
            let transport = host.transport(scope)?;
            transport.revoke(&token()?).await?;
            let line = "The token is of no use any more, if it ever was";
            scope.output.done(line, &json!({ "revoked": true }))
        }
    }
}

fn token() -> Result<String, Failure> {
    password::secret("Token: ", "token").map(|token| token.trim().to_owned())
}
