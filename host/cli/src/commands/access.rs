//! `muster access-role` and `muster access-binding`

use clap::{ArgGroup, Args, Subcommand};
use muster_api::{
    access::{AccessRoleChange, NewAccessBinding, NewAccessRole},
    id::BindingId,
    permissions::Permission,
};

use super::{Scope, deletion::DeletionArgs};
use crate::failure::Failure;

/// What to do with access roles.
#[derive(Debug, Subcommand)]
pub enum AccessRoleCommand {
    /// List the access roles
    List,
    /// List all permissions, with what each allows
    Permissions,
    /// Show an access role
    Show {
        /// The access role
        role: String,
    },
    /// Make an access role of permissions that you have
    Create {
        /// Its name
        name: String,
        /// Something that it allows, such as audit:read
        #[arg(long = "permission", value_name = "PERMISSION", required = true)]
        permissions: Vec<Permission>,
        /// For whom it is
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
    },
    /// Change an access role, at once for everybody who has it
    Modify(ModifyArgs),
    /// Delete an access role that nobody has
    Delete {
        /// The access role
        role: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// What changes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["permissions", "description"]))]
pub struct ModifyArgs {
    /// The access role
    role: String,
    /// Something that it allows from then on; all of them are to be named
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<Permission>,
    /// For whom it is
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// What to do with access bindings.
#[derive(Debug, Subcommand)]
pub enum AccessBindingCommand {
    /// List who has which access role where
    List {
        /// Only those of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Only those in this project
        #[arg(long, value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Give somebody an access role, all of which you have there yourself
    Create {
        /// The user
        user: String,
        /// The access role
        role: String,
        /// Where; everywhere unless told
        #[arg(long, value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Take an access role from somebody
    Delete {
        /// The binding, as `muster access-binding list` shows it
        #[arg(value_name = "ID")]
        binding: BindingId,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run_role(scope: &Scope, command: AccessRoleCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    let output = &scope.output;
    match command {
        AccessRoleCommand::List => output.show(&client.access_roles().await?),
        AccessRoleCommand::Permissions => output.show(&client.permissions().await?),
        AccessRoleCommand::Show { role } => output.show(&client.access_role(&role).await?),
        AccessRoleCommand::Create {
            name,
            permissions,
            description,
        } => {
            let new = NewAccessRole {
                name,
                description,
                permissions,
            };
            let made = client.create_access_role(&new).await?;
            output.done(&format!("Made the access role {}", made.name), &made)
        }
        AccessRoleCommand::Modify(args) => {
            let change = AccessRoleChange {
                description: args.description,
                permissions: (!args.permissions.is_empty()).then_some(args.permissions),
            };
            output.show(&client.change_access_role(&args.role, &change).await?)
        }
        AccessRoleCommand::Delete { role, deletion } => {
            let delete = async |dry_run| client.delete_access_role(&role, dry_run).await;
            let what = format!("the access role {role}");
            deletion.carry_out(scope, &what, delete).await
        }
    }
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run_binding(scope: &Scope, command: AccessBindingCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        AccessBindingCommand::List { user, project } => {
            let found = client.access_bindings(user.as_deref(), project.as_deref());
            scope.output.show(&found.await?)
        }
        AccessBindingCommand::Create {
            user,
            role,
            project,
        } => {
            let new = NewAccessBinding {
                user,
                role,
                project,
            };
            let made = client.create_access_binding(&new).await?;
            let line = format!("{} has the access role {}", made.user, made.role);
            scope.output.done(&line, &made)
        }
        AccessBindingCommand::Delete { binding, deletion } => {
            let delete = async |dry_run| client.delete_access_binding(binding, dry_run).await;
            let what = format!("the access binding {binding}");
            deletion.carry_out(scope, &what, delete).await
        }
    }
}
