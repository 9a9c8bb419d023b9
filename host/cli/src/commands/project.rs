//! `muster project`

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use muster_api::{
    page::Page,
    projects::{JoinPolicy, MemberRole, MemberState, NewProject, ProjectChange},
};

use super::{Scope, deletion::DeletionArgs};
use crate::failure::Failure;

/// What to do with projects.
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// List the projects that you may see, and those that anybody may join
    List,
    /// Show a project
    Show {
        /// The project
        project: String,
    },
    /// Make a project, which you own then
    Create(CreateArgs),
    /// Change what a project is for, and who may join and leave
    Modify(ModifyArgs),
    /// Delete a project that has no apps and no routes
    Delete(EndArgs),
    /// Let nothing more be added or started in a project
    Suspend(EndArgs),
    /// Let a suspended project go on
    Resume(EndArgs),
    /// Stop a project's apps and take everybody out of it, for good
    Terminate(EndArgs),
    /// Join a project, or ask to be let in
    Join {
        /// The project
        project: String,
    },
    /// Leave a project, or ask to be let out
    Leave(EndArgs),
    /// List who is in a project, and who has asked to be let in or out
    Members {
        /// The project
        project: String,
        /// Show only this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Put somebody into a project, or change as what they are in it
    AddMember {
        /// The project
        project: String,
        /// The user
        user: String,
        /// As what: owners decide about the project, members work on its apps, viewers look on
        #[arg(long, value_enum, default_value_t)]
        role: Role,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Take somebody out of a project
    RemoveMember {
        /// The project
        project: String,
        /// The user
        user: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
    /// Let in who asked to be let in, or out who asked to be let out
    Accept {
        /// The project
        project: String,
        /// The user
        user: String,
    },
    /// Refuse what somebody asked for
    Refuse {
        /// The project
        project: String,
        /// The user
        user: String,
    },
}

/// Who may come in, or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// Whoever wants to
    Open,
    /// Whoever an owner agrees to
    Moderated,
    /// Whoever an owner adds or removes
    Closed,
}

impl From<Policy> for JoinPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Open => Self::Open,
            Policy::Moderated => Self::Moderated,
            Policy::Closed => Self::Closed,
        }
    }
}

/// As what somebody is in a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Decides about the project
    Owner,
    /// Works on its apps
    #[default]
    Member,
    /// Looks at them
    Viewer,
}

impl From<Role> for MemberRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Member => Self::Member,
            Role::Viewer => Self::Viewer,
        }
    }
}

/// A new project.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name
    name: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Who may join; closed unless told
    #[arg(long, value_enum, value_name = "POLICY")]
    join: Option<Policy>,
    /// Who may leave; open unless told
    #[arg(long, value_enum, value_name = "POLICY")]
    leave: Option<Policy>,
    /// Its first owner; you unless told
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
}

/// What changes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["description", "join", "leave"]))]
pub struct ModifyArgs {
    /// The project
    project: String,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who may join
    #[arg(long, value_enum, value_name = "POLICY")]
    join: Option<Policy>,
    /// Who may leave
    #[arg(long, value_enum, value_name = "POLICY")]
    leave: Option<Policy>,
}

/// Which project.
#[derive(Debug, Args)]
pub struct EndArgs {
    /// The project
    project: String,
    #[command(flatten)]
    deletion: DeletionArgs,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: ProjectCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    let output = &scope.output;
    match command {
        ProjectCommand::List => output.show(&client.projects().await?),
        ProjectCommand::Show { project } => output.show(&client.project(&project).await?),
        ProjectCommand::Create(args) => {
            let new = NewProject {
                name: args.name,
                description: args.description,
                join_policy: args.join.map(Into::into),
                leave_policy: args.leave.map(Into::into),
                owner: args.owner,
            };
            let made = client.create_project(&new).await?;
            output.done(&format!("Made the project {}", made.name), &made)
        }
        ProjectCommand::Modify(args) => {
            let change = ProjectChange {
                description: args.description,
                join_policy: args.join.map(Into::into),
                leave_policy: args.leave.map(Into::into),
            };
            output.show(&client.change_project(&args.project, &change).await?)
        }
        ProjectCommand::Delete(EndArgs { project, deletion }) => {
            let delete = async |dry_run| client.delete_project(&project, dry_run).await;
            let what = format!("the project {project}");
            deletion.carry_out(scope, &what, delete).await
        }
        ProjectCommand::Suspend(args) => end(scope, args, "suspend", "Suspended").await,
        ProjectCommand::Resume(args) => end(scope, args, "resume", "Resumed").await,
        ProjectCommand::Terminate(args) => end(scope, args, "terminate", "Terminated").await,
        ProjectCommand::Join { project } => {
            let joined = client.join_project(&project).await?;
            let line = match joined.membership {
                Some(MemberState::Joining) => format!("Asked to be let into {project}"),
                _ => format!("You are in {project}"),
            };
            output.done(&line, &joined)
        }
        ProjectCommand::Leave(EndArgs { project, deletion }) => {
            let plan = async || client.plan_leaving(&project).await;
            let question = format!("Leave the project {project}?");
            if !deletion.agreed(scope, &question, plan).await? {
                return Ok(());
            }
            let left = client.leave_project(&project).await?;
            let line = match left.membership {
                Some(_) => format!("Asked to be let out of {project}"),
                None => format!("You are not in {project} any more"),
            };
            output.done(&line, &left)
        }
        ProjectCommand::Members { project, user } => {
            let members = match user {
                Some(user) => Page {
                    items: vec![client.member(&project, &user).await?],
                    next: None,
                },
                None => client.members(&project).await?,
            };
            output.show(&members)
        }
        ProjectCommand::AddMember {
            project,
            user,
            role,
            dry_run,
        } => {
            if dry_run {
                let plan = client.plan_member(&project, &user, role.into());
                return output.show(&plan.await?);
            }
            let member = client.put_member(&project, &user, role.into()).await?;
            output.done(&format!("{user} is in {project}"), &member)
        }
        ProjectCommand::RemoveMember {
            project,
            user,
            deletion,
        } => {
            let remove = async |dry_run| client.remove_member(&project, &user, dry_run).await;
            let what = format!("{user} from the project {project}");
            deletion.carry_out(scope, &what, remove).await
        }
        ProjectCommand::Accept { project, user } => {
            output.show(&client.decide_member(&project, &user, "accept").await?)
        }
        ProjectCommand::Refuse { project, user } => {
            output.show(&client.decide_member(&project, &user, "refuse").await?)
        }
    }
}

async fn end(scope: &Scope, args: EndArgs, action: &str, done: &str) -> Result<(), Failure> {
    let client = scope.client()?;
    let project = &args.project;
    let act = async |dry_run| client.end_project(project, action, dry_run).await;
    let question = format!("{} the project {project}?", capital(action));
    let line = format!("{done} the project {project}");
    args.deletion
        .carry_out_as(scope, &question, &line, act)
        .await
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
