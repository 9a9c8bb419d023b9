//! `muster node`

use std::{io::IsTerminal, time::Duration};

use clap::{Args, Subcommand};
use muster_api::{
    hosts::HostState,
    links::{Join, NewLinkToken},
    status::InfoChange,
};

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
    /// Give the host another name; the group hears of it by itself
    Rename {
        /// The name
        name: String,
    },
    /// Announce where the host is about to move, so that others find it at once.
    /// A host that moves unannounced is found, too, only later
    Migrate(MigrateArgs),
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
    /// What the host is to be called; what it is called already unless told
    name: Option<String>,
}

/// Where a host moves.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// IP addresses where it will be, with the port for peers unless they have
    /// another
    #[arg(value_name = "ADDRESS", required_unless_present = "done")]
    to: Vec<String>,
    /// It has arrived, or stays after all
    #[arg(long, conflicts_with = "to")]
    done: bool,
}

/// How a host is linked.
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// The roles that this host is to have, and no others; unless told, those
    /// that the token names, or else those that it has
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
        NodeCommand::Setup(args) => {
            if args.name.is_some() {
                let change = InfoChange {
                    name: args.name,
                    ..InfoChange::default()
                };
                client.change_info(&change).await?;
            }
            let new = NewLinkToken {
                life_s: None,
                roles: Vec::new(),
            };
            output.show(&client.link_token(&new).await?)
        }
        NodeCommand::Attach(args) => {
            let join = Join {
                token: args.token.trim().to_owned(),
                roles: args.roles,
            };
            output.show(&client.join(&join).await?)
        }
        NodeCommand::List => output.show(&client.hosts().await?),
        NodeCommand::Show { host } => output.show(&client.host(&host).await?),
        NodeCommand::Rename { name } => {
            let change = InfoChange {
                name: Some(name),
                ..InfoChange::default()
            };
            let info = client.change_info(&change).await?;
            output.done(&format!("The host is called {}", info.name), &info)
        }
        NodeCommand::Migrate(args) => {
            let change = InfoChange {
                next_addresses: Some(args.to),
                ..InfoChange::default()
            };
            let info = client.change_info(&change).await?;
            let line = match info.next_addresses.as_slice() {
                [] => format!("{} is looked for where it is", info.name),
                next => format!(
                    "{} is also looked for at {}; once it is there: muster node migrate --done",
                    info.name,
                    next.join(", ")
                ),
            };
            output.done(&line, &info)
        }
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
