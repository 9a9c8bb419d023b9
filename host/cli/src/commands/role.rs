//! `muster role`

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use muster_api::roles::RoleState;

use super::{Scope, deletion::DeletionArgs};
use crate::{client::Client, failure::Failure};

/// What to do with roles.
#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// List the roles that the host has and could have
    List,
    /// Show a role and its plugin
    Show {
        /// The role
        name: String,
    },
    /// Give the host a role, or another plugin for it
    Add(AddArgs),
    /// Start a role that was stopped
    Start {
        /// The role
        name: String,
    },
    /// Stop a role until it is started again; its plugin stays
    Stop {
        /// The role
        name: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
    /// Have a new instance of its plugin play a role; instances of apps go on
    Restart {
        /// The role
        name: String,
    },
    /// Take a role from the host
    Remove {
        /// The role
        name: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// Which role, played by what.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The role
    #[arg(required_unless_present = "all_but")]
    name: Option<String>,
    /// Give the host every role that it could have, but for these and those that
    /// take no other beside them
    #[arg(
        long,
        value_name = "ROLE,…",
        value_delimiter = ',',
        conflicts_with_all = ["name", "component", "bundle"]
    )]
    all_but: Option<Vec<String>>,
    /// The plugin's component; the one that came with the host unless told
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// A bundle of the kind plugin that holds the component, in place of --component
    #[arg(long, value_name = "BUNDLE", conflicts_with = "component")]
    bundle: Option<String>,
    /// Try the plugin out, and only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: RoleCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        RoleCommand::List => scope.output.show(&client.roles().await?),
        RoleCommand::Show { name } => scope.output.show(&client.role(&name).await?),
        RoleCommand::Add(args) => add(scope, &client, args).await,
        RoleCommand::Start { name } => {
            let plan = client.run_role(&name, "start", false).await?;
            let line = format!("The role {name} is played");
            scope.output.done(&line, &plan)
        }
        RoleCommand::Stop { name, deletion } => {
            let stop = async |dry| client.run_role(&name, "stop", dry).await;
            let done = format!("Stopped the role {name}");
            deletion
                .carry_out_as(scope, &format!("Stop the role {name}?"), &done, stop)
                .await
        }
        RoleCommand::Restart { name } => {
            let plan = client.run_role(&name, "restart", false).await?;
            let line = format!("The role {name} is played from the beginning");
            scope.output.done(&line, &plan)
        }
        RoleCommand::Remove { name, deletion } => {
            let what = format!("the role {name}");
            deletion
                .carry_out(scope, &what, async |dry| {
                    client.delete_role(&name, dry).await
                })
                .await
        }
    }
}

async fn add(scope: &Scope, client: &Client, args: AddArgs) -> Result<(), Failure> {
    let names = match (&args.name, &args.all_but) {
        (Some(name), _) => vec![name.clone()],
        (None, but) => missing(client, but.as_deref().unwrap_or_default()).await?,
    };
    if names.is_empty() {
        let line = "The host has all of these roles already";
        return scope.output.done(line, &names);
    }
    let component = match &args.component {
        Some(path) => component(path)?,
        None => Vec::new(),
    };
    let bundle = args.bundle.as_deref();
    for name in &names {
        if args.dry_run {
            let plan = client.plan_role(name, component.clone(), bundle).await?;
            scope.output.show(&plan)?;
            continue;
        }
        let role = client.put_role(name, component.clone(), bundle).await?;
        let version = role
            .plugin
            .as_ref()
            .map(|plugin| format!(" ({} {})", plugin.name, plugin.version));
        let line = format!(
            "The host has the role {}{}",
            role.name,
            version.unwrap_or_default()
        );
        scope.output.done(&line, &role)?;
    }
    Ok(())
}

/// The roles that the host could have, but for some.
async fn missing(client: &Client, but: &[String]) -> Result<Vec<String>, Failure> {
    let all = client.roles().await?.items;
    if let Some(odd) = but
        .iter()
        .find(|name| !all.iter().any(|it| it.name == **name))
    {
        let names: Vec<_> = all.iter().map(|role| role.name.as_str()).collect();
        return Err(
            Failure::usage(format!("there is no role '{odd}' to leave out"))
                .hint(format!("there are: {}", names.join(", "))),
        );
    }
    let absent = all.into_iter().filter(|role| {
        !role.builtin && !role.alone && role.state == RoleState::Absent && !but.contains(&role.name)
    });
    Ok(absent.map(|role| role.name).collect())
}

fn component(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    let bytes =
        fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    if bytes.is_empty() {
        // An empty body would ask for the bundled plugin.
        return Err(Failure::usage(format!("{} is empty", path.display()))
            .hint("leave --component out for the plugin that came with the host"));
    }
    Ok(bytes)
}
