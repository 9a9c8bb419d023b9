//! `muster node`

use std::{io::IsTerminal, time::Duration};

use clap::{Args, Subcommand};
use muster_api::{hosts::HostState, links::Join, links::NewLinkToken};

use super::{Scope, deletion::DeletionArgs};
use crate::{client::Client, failure::Failure};

/// How often a host that is drained is asked what is left.
const POLL: Duration = Duration::from_millis(500);

/// The hosts of a group, and what each is there for.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Make this host the first of a group, and show a token that links another
    Setup(SetupArgs),
    /// Link this host to a group, with the roles that it is there for
    Attach(AttachArgs),
    /// List the hosts of the group
    List,
    /// Show a host of the group
    Show {
        /// The host's name or id
        host: String,
    },
    /// Have what a host runs start on others, and give it nothing new
    Drain {
        /// The host's name or id
        host: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
    /// Let a host have instances again that was drained
    Resume {
        /// The host's name or id
        host: String,
    },
    /// Drain a host, wait until it is empty, and take it out of the group
    Remove {
        /// The host's name or id
        host: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// What the first host of a group is.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// What it is: `core`, the host that decides for the group
    #[arg(value_parser = ["core"])]
    kind: String,
}

/// How a host is linked.
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// The roles that this host is to have, and no others; those that it has
    /// unless told
    #[arg(
        short = 'e',
        long = "enable",
        value_name = "ROLE,…",
        value_delimiter = ','
    )]
    roles: Vec<String>,
    /// The link token, from `muster link token` on the leader
    #[arg(long)]
    token: String,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: NodeCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    let output = &scope.output;
    match command {
        NodeCommand::Setup(_) => {
            let new = NewLinkToken {
                life_s: None,
                roles: Vec::new(),
            };
            output.show(&client.link_token(&new).await?)
        }
        NodeCommand::Attach(args) => attach(scope, &client, args).await,
        NodeCommand::List => output.show(&client.hosts().await?),
        NodeCommand::Show { host } => output.show(&client.host(&host).await?),
        NodeCommand::Drain { host, deletion } => {
            let drain = async |dry_run| client.drain_host(&host, dry_run).await;
            let done = format!("{host} is drained");
            deletion
                .carry_out_as(scope, &format!("Drain {host}?"), &done, drain)
                .await
        }
        NodeCommand::Resume { host } => {
            let plan = client.resume_host(&host).await?;
            output.done(&format!("{host} gets instances again"), &plan)
        }
        NodeCommand::Remove { host, deletion } => {
            let remove = async |dry_run| {
                if dry_run {
                    let mut plan = client.drain_host(&host, true).await?;
                    plan.removes.push(format!("the host {host} from the group"));
                    return Ok(plan);
                }
                client.drain_host(&host, false).await?;
                until_empty(&client, &host).await?;
                client.remove_host(&host, false, false).await
            };
            let done = format!("Took {host} out of the group");
            deletion
                .carry_out_as(scope, &format!("Take {host} out?"), &done, remove)
                .await
        }
    }
}

/// Links this host and gives it its roles. What it must not run goes first, so
/// that it gets none of it.
async fn attach(scope: &Scope, client: &Client, args: AttachArgs) -> Result<(), Failure> {
    if !args.roles.is_empty() {
        let known = client.roles().await?.items;
        let plugins: Vec<_> = known.iter().filter(|role| !role.builtin).collect();
        for role in &args.roles {
            if !plugins.iter().any(|known| known.name == *role) {
                let names: Vec<_> = plugins.iter().map(|role| role.name.as_str()).collect();
                return Err(
                    Failure::usage(format!("there is no role '{role}' to enable"))
                        .hint(format!("there are: {}", names.join(", "))),
                );
            }
        }
        for role in plugins {
            match (&role.plugin, args.roles.contains(&role.name)) {
                (Some(_), false) => {
                    client.delete_role(&role.name, false).await?;
                }
                (None, true) => {
                    client.put_role(&role.name, Vec::new(), None).await?;
                }
                _ => {}
            }
        }
    }
    let token = args.token.trim().to_owned();
    scope.output.show(&client.join(&Join { token }).await?)
}

async fn until_empty(client: &Client, host: &str) -> Result<(), crate::client::ClientError> {
    let shows = std::io::stderr().is_terminal();
    let mut told = u32::MAX;
    loop {
        let now = client.host(host).await?;
        // What a lost host runs has started elsewhere, and cannot be waited for.
        if now.about.workloads == 0 || now.state == HostState::Unreachable {
            return Ok(());
        }
        if shows && now.about.workloads != told {
            told = now.about.workloads;
            eprintln!("{told} instances are left on {host}");
        }
        tokio::time::sleep(POLL).await;
    }
}
