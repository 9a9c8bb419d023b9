//! `muster link`

use std::io::Read;

use clap::{Args, Subcommand};
use muster_api::{
    links::{Join, Leave, NewLinkToken},
    units::Millis,
};

use super::{Scope, deletion::DeletionArgs};
use crate::{failure::Failure, output::text::printable};

/// How hosts are linked.
#[derive(Debug, Subcommand)]
pub enum LinkCommand {
    /// Make a token that links another host to this one, which becomes a leader
    Token(TokenArgs),
    /// List link tokens, without their secrets
    Tokens,
    /// Withdraw a link token that nobody has used
    Withdraw {
        /// The token's id
        token: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
    /// Link this host to the one that the token is of
    Join {
        /// The token, or - to read it from standard input
        token: String,
    },
    /// List the hosts of the group
    List,
    /// Show how this host is linked, or another host of the group
    Show {
        /// The host's name or id; this host unless told
        host: Option<String>,
    },
    /// Take this host out of its group
    Leave(LeaveArgs),
    /// Take another host out of the group
    Remove(RemoveArgs),
    /// End being a leader, so that this host can join another group
    StopLeading {
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// What the token is like.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// For how long it is good, at most 30m
    #[arg(long = "for", value_name = "TIME", default_value = "2m")]
    life: Millis,
    /// A role that the new host should get; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
}

/// How to leave.
#[derive(Debug, Args)]
pub struct LeaveArgs {
    /// Do not wait for the leader's word, because it is lost for good
    #[arg(long)]
    abandon: bool,
}

/// Which host.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The host's name or id
    host: String,
    /// It is lost: take it out although it runs something or cannot be told
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    deletion: DeletionArgs,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: LinkCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    let output = &scope.output;
    match command {
        LinkCommand::Token(args) => {
            let new = NewLinkToken {
                life_s: Some(args.life.0 / 1_000),
                roles: args.roles,
            };
            output.show(&client.link_token(&new).await?)
        }
        LinkCommand::Tokens => output.show(&client.link_tokens().await?),
        LinkCommand::Withdraw { token, deletion } => {
            let withdraw = async |dry_run| client.withdraw(&token, dry_run).await;
            let done = format!("Withdrew the link token {token}");
            deletion
                .carry_out_as(scope, "Withdraw it?", &done, withdraw)
                .await
        }
        LinkCommand::Join { token } => {
            let token = if token == "-" { read()? } else { token };
            let token = token.trim().to_owned();
            output.show(
                &client
                    .join(&Join {
                        token,
                        roles: Vec::new(),
                    })
                    .await?,
            )
        }
        LinkCommand::List => {
            let hosts = client.hosts().await?;
            output.show(&hosts)?;
            let alone = hosts.items.is_empty();
            if let Some(why) = client.link().await?.ended.filter(|_| alone) {
                eprintln!("The last link is over: {}", printable(&why));
            }
            Ok(())
        }
        LinkCommand::Show { host: Some(host) } => output.show(&client.host(&host).await?),
        LinkCommand::Show { host: None } => output.show(&client.link().await?),
        LinkCommand::Leave(LeaveArgs { abandon }) => {
            output.show(&client.leave(&Leave { abandon }).await?)
        }
        LinkCommand::Remove(args) => {
            let remove = async |dry_run| client.remove_host(&args.host, args.force, dry_run).await;
            let done = format!("Took {} out of the group", args.host);
            args.deletion
                .carry_out_as(scope, "Take it out?", &done, remove)
                .await
        }
        LinkCommand::StopLeading { deletion } => {
            let stop = async |dry_run| client.stop_leading(dry_run).await;
            deletion
                .carry_out_as(scope, "Stop leading?", "This host leads nobody", stop)
                .await
        }
    }
}

fn read() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("the token cannot be read: {error}")))?;
    Ok(text)
}
