//! `muster role`

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};

use super::{Scope, deletion::DeletionArgs};
use crate::failure::Failure;

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
    name: String,
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
        RoleCommand::Add(args) => {
            let component = match &args.component {
                Some(path) => component(path)?,
                None => Vec::new(),
            };
            let bundle = args.bundle.as_deref();
            if args.dry_run {
                let plan = client.plan_role(&args.name, component, bundle).await?;
                return scope.output.show(&plan);
            }
            let role = client.put_role(&args.name, component, bundle).await?;
            let version = role
                .plugin
                .as_ref()
                .map(|plugin| format!(" ({} {})", plugin.name, plugin.version));
            let line = format!(
                "The host has the role {}{}",
                role.name,
                version.unwrap_or_default()
            );
            scope.output.done(&line, &role)
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
