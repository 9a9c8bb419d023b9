//! `muster bundle`

mod get;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use muster_api::{
    bundles::{BundleKind, NewBundle},
    name,
};

use super::{Scope, deletion::DeletionArgs};
use crate::{
    client::{Client, ClientError},
    failure::Failure,
    package::{self, Package},
    upload::upload,
};

/// What to do with bundles.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Upload a file or directory, which every host of the group gets
    Put(PutArgs),
    /// List the bundles
    List,
    /// Show a bundle, its files, and how much of it each host lacks
    Show {
        /// The bundle
        name: String,
    },
    /// Download a bundle's files
    Get(get::GetArgs),
    /// Remove a bundle, on every host of the group
    Remove {
        /// The bundle
        name: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// What to upload, under which name.
#[derive(Debug, Args)]
pub struct PutArgs {
    /// The bundle's name
    name: String,
    /// The file or directory
    path: PathBuf,
    /// What it is good for: files, which lie on the disk of every host; package,
    /// for `app push --bundle`; plugin, for `role add --bundle`; release, for
    /// `cluster upgrade --bundle`; or settings
    #[arg(long, value_name = "KIND", default_value_t)]
    kind: BundleKind,
    /// Take the place of a bundle of that name that has other content
    #[arg(long)]
    replace: bool,
    /// Upload what is missing, and only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses, or files cannot be read or written.
pub async fn run(scope: &Scope, command: BundleCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        BundleCommand::Put(args) => put(scope, &client, args).await,
        BundleCommand::List => scope.output.show(&client.bundles().await?),
        BundleCommand::Show { name } => scope.output.show(&client.bundle(&name).await?),
        BundleCommand::Get(args) => get::run(scope, &client, args).await,
        BundleCommand::Remove { name, deletion } => {
            let what = format!("the bundle {name}");
            let remove = async |dry_run| client.remove_bundle(&name, dry_run).await;
            deletion.carry_out(scope, &what, remove).await
        }
    }
}

async fn put(scope: &Scope, client: &Client, args: PutArgs) -> Result<(), Failure> {
    let PutArgs {
        name,
        path,
        kind,
        replace,
        dry_run,
    } = args;
    name::check(&name)
        .map_err(|reason| Failure::usage(format!("'{name}' is no name for a bundle: {reason}")))?;
    let package = package::read("Uploading", path).await?;
    upload(client, &package).await?;
    let new = NewBundle {
        kind,
        files: package.files.clone(),
    };
    if dry_run {
        let plan = async || client.plan_bundle(&name, &new, replace).await;
        let plan = surely(client, &package, plan).await?;
        return scope.output.show(&plan);
    }
    let put = async || client.put_bundle(&name, &new, replace).await;
    let bundle = surely(client, &package, put).await?;
    let line = format!("Put {name}; see how far it has got with: muster bundle show {name}");
    scope.output.done(&line, &bundle)
}

/// Blocks may go between upload and put, if the host tidies up just then; they
/// are uploaded once more.
async fn surely<T>(
    client: &Client,
    package: &Package,
    put: impl AsyncFn() -> Result<T, ClientError>,
) -> Result<T, Failure> {
    match put().await {
        Err(error) if error.has_code("blocks-missing") => {
            upload(client, package).await?;
            Ok(put().await?)
        }
        result => Ok(result?),
    }
}
