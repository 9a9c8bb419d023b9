//! `muster quota`

use clap::{Args, Subcommand};
use muster_api::{
    id::QuotaId,
    quotas::{NewQuota, Resource},
    units::{ByteSize, Millis},
};

use super::{Scope, deletion::DeletionArgs};
use crate::failure::Failure;

/// What to do with quotas.
#[derive(Debug, Subcommand)]
pub enum QuotaCommand {
    /// List the quotas
    List {
        /// Only those of this project
        #[arg(long, value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Show a quota
    Show {
        /// The quota, as `muster quota list` shows it
        #[arg(value_name = "ID")]
        quota: QuotaId,
    },
    /// Say how much of something may be used
    Set(SetArgs),
    /// Take a quota away
    Unset {
        /// The quota, as `muster quota list` shows it
        #[arg(value_name = "ID")]
        quota: QuotaId,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
    /// Show what a project uses
    Usage {
        /// The project
        project: String,
    },
    /// Show which apps would be stopped to bring what runs within the quotas
    Plan {
        /// Only in this project
        #[arg(long, value_name = "PROJECT")]
        project: Option<String>,
    },
    /// Stop apps, the newest first, until what runs is within the quotas
    Enforce {
        /// Only in this project
        #[arg(long, value_name = "PROJECT")]
        project: Option<String>,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// How much of what.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Of what: memory, cpu, instances, apps, routes, disk or objects
    resource: Resource,
    /// How much: a number; for memory, disk and objects a size such as 2GiB; for cpu a time such as 90s
    limit: String,
    /// The project; each that has no quota of its own unless told
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Count only the apps that this user made
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
}

impl SetArgs {
    fn limit(&self) -> Result<u64, Failure> {
        let read = match self.resource {
            Resource::Cpu => self.limit.parse().map(|Millis(time)| time),
            resource if resource.is_bytes() => self.limit.parse().map(|ByteSize(size)| size),
            _ => {
                let why = |_| Failure::usage(format!("'{}' is no number", self.limit));
                return self.limit.parse().map_err(why);
            }
        };
        read.map_err(|error| Failure::usage(error.to_string()))
    }
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: QuotaCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    let output = &scope.output;
    match command {
        QuotaCommand::List { project } => output.show(&client.quotas(project.as_deref()).await?),
        QuotaCommand::Show { quota } => output.show(&client.quota(quota).await?),
        QuotaCommand::Set(args) => {
            let new = NewQuota {
                resource: args.resource,
                limit: args.limit()?,
                project: args.project,
                user: args.user,
            };
            if args.dry_run {
                return output.show(&client.plan_quota(&new).await?);
            }
            output.show(&client.set_quota(&new).await?)
        }
        QuotaCommand::Unset { quota, deletion } => {
            let unset = async |dry_run| client.unset_quota(quota, dry_run).await;
            let what = format!("the quota {quota}");
            deletion.carry_out(scope, &what, unset).await
        }
        QuotaCommand::Usage { project } => output.show(&client.usage(&project).await?),
        QuotaCommand::Plan { project } => {
            output.show(&client.enforce_quotas(project.as_deref(), true).await?)
        }
        QuotaCommand::Enforce { project, deletion } => {
            let project = project.as_deref();
            let enforce = async |dry_run| client.enforce_quotas(project, dry_run).await;
            deletion
                .carry_out_as(scope, "Stop these apps?", "Enforced the quotas", enforce)
                .await
        }
    }
}
