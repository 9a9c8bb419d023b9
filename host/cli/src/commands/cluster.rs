//! `muster cluster`

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use muster_api::{
    clusters::{NewCluster, ScaleCluster, UPGRADE_PATIENCE, UpgradeCluster},
    name,
};

use super::{Scope, deletion::DeletionArgs, follow};
use crate::{
    client::{Client, ClusterChange},
    failure::Failure,
    package,
    upload::upload,
};

/// What to do with clusters.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Have linked hosts run apps together, some of which share the group's state
    Create(CreateArgs),
    /// List the clusters; there is one at most
    List,
    /// Show a cluster and how its hosts are
    Show {
        /// The cluster; the only one unless told
        name: Option<String>,
    },
    /// Have a cluster made of other hosts
    Scale(ScaleArgs),
    /// Have all hosts of a cluster run another version of Muster, one after the other
    ///
    /// What runs on a host moves to others, its program is replaced and checked, and it
    /// takes instances again. If a host fails, all go back to what they ran before.
    Upgrade(UpgradeArgs),
    /// Take a cluster apart; its hosts stay linked, and the one asked leads
    Delete {
        /// The cluster
        name: String,
        #[command(flatten)]
        how: How,
    },
}

/// What the cluster is made of.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The cluster's name
    name: String,
    /// The hosts that share the group's state, the one that leads among them: each
    /// issues link tokens and accepts every change
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', required = true)]
    control_plane: Vec<String>,
    /// The other hosts that run apps
    #[arg(long, value_name = "HOST,…", value_delimiter = ',')]
    workers: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// What the cluster is to be made of.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("hosts").required(true).multiple(true)))]
pub struct ScaleArgs {
    /// The cluster
    name: String,
    /// All hosts that are to share the group's state
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', group = "hosts")]
    control_plane: Option<Vec<String>>,
    /// All other hosts that are to run apps
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', group = "hosts")]
    workers: Option<Vec<String>>,
    #[command(flatten)]
    how: How,
}

/// Which version the hosts are to run.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("version").required(true)))]
pub struct UpgradeArgs {
    /// The cluster
    name: String,
    /// The program: the file `muster` of a neighbouring version
    #[arg(long, value_name = "FILE", group = "version")]
    to: Option<PathBuf>,
    /// The bundle of the kind release that has it
    #[arg(long, value_name = "NAME", group = "version")]
    bundle: Option<String>,
    /// What the hosts ran before the last upgrade
    #[arg(long, group = "version")]
    back: bool,
    /// How long the program has on each host until it is ready, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = UPGRADE_PATIENCE, value_parser = clap::value_parser!(u32).range(5..=3600))]
    patience: u32,
    #[command(flatten)]
    how: How,
}

/// How it is done.
#[derive(Debug, Args)]
pub struct How {
    /// Do not wait until it is done
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    asking: DeletionArgs,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses, or the job fails.
pub async fn run(scope: &Scope, command: ClusterCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        ClusterCommand::Create(args) => {
            let name = args.name;
            name::check(&name).map_err(|reason| {
                Failure::usage(format!("'{name}' is no name for a cluster: {reason}"))
            })?;
            let new = NewCluster {
                name,
                control_plane: args.control_plane,
                workers: args.workers,
            };
            let change = || client.create_cluster(&new);
            carry_out(scope, &client, &args.how, "Create it?", change).await
        }
        ClusterCommand::List | ClusterCommand::Show { name: None } => {
            scope.output.show(&client.clusters().await?)
        }
        ClusterCommand::Show { name: Some(name) } => {
            scope.output.show(&client.cluster(&name).await?)
        }
        ClusterCommand::Scale(args) => {
            let scale = ScaleCluster {
                control_plane: args.control_plane,
                workers: args.workers,
            };
            let change = || client.scale_cluster(&args.name, &scale);
            carry_out(scope, &client, &args.how, "Scale it?", change).await
        }
        ClusterCommand::Upgrade(args) => upgrade(scope, &client, args).await,
        ClusterCommand::Delete { name, how } => {
            let change = || client.delete_cluster(&name);
            carry_out(scope, &client, &how, "Delete it?", change).await
        }
    }
}

async fn upgrade(scope: &Scope, client: &Client, args: UpgradeArgs) -> Result<(), Failure> {
    let program = match args.to {
        Some(file) if !file.is_file() => {
            return Err(Failure::usage(format!("{} is no file", file.display())));
        }
        Some(file) => {
            let package = package::read("Uploading", file).await?;
            upload(client, &package).await?;
            package.files.into_iter().next()
        }
        None => None,
    };
    let upgrade = UpgradeCluster {
        program,
        bundle: args.bundle,
        back: args.back,
        patience_seconds: Some(args.patience),
    };
    let change = || client.upgrade_cluster(&args.name, &upgrade);
    carry_out(scope, client, &args.how, "Upgrade it?", change).await
}

async fn carry_out(
    scope: &Scope,
    client: &Client,
    how: &How,
    question: &str,
    change: impl Fn() -> ClusterChange,
) -> Result<(), Failure> {
    let plan = async || client.plan_cluster(change()).await;
    if !how.asking.agreed(scope, question, plan).await? {
        return Ok(());
    }
    let job = client.change_cluster(change()).await?;
    if how.no_wait {
        let line = format!("It is at work: muster job show {}", job.id);
        return scope.output.done(&line, &job);
    }
    let job = follow::to_success(client, job).await?;
    scope.output.done("Done", &job)
}
