//! `muster app`

mod delete;
mod env;
mod logs;
mod push;
mod rollback;
mod scale;

use clap::{Args, Subcommand};

use super::{Scope, follow};
use crate::{
    client::{AppAction, Change, Client},
    failure::Failure,
};

/// What to do with apps.
#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// Push a file or directory, and run what it holds
    ///
    /// What is left out comes from the `muster.toml` in the directory or beside the file.
    Push(Box<push::PushArgs>),
    /// List the apps
    List,
    /// Show an app and its instances
    Show(NameArgs),
    /// Let an app run
    Start(ActArgs),
    /// Let an app rest; it stays with its routes and settings
    Stop(ActArgs),
    /// Replace an app's instances by new ones
    Restart(ActArgs),
    /// Change how many instances an app has, and their memory
    Scale(scale::ScaleArgs),
    /// Show how many requests an app had in the last hour, and how long they took
    Metrics(NameArgs),
    /// Show what an app has written and answered
    Logs(logs::LogsArgs),
    /// List an app's environment variables, or change them
    Env(env::EnvArgs),
    /// List an app's droplets
    Droplets(NameArgs),
    /// Return to an earlier droplet
    Rollback(rollback::RollbackArgs),
    /// Move an app with its routes into another project
    Move(MoveArgs),
    /// Delete an app with all that belongs to it
    Delete(delete::DeleteArgs),
}

/// Which app.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The app
    name: String,
}

/// Which app goes where.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The app
    name: String,
    /// The project that it belongs to from then on
    #[arg(long, value_name = "PROJECT")]
    project: String,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Which app to act on.
#[derive(Debug, Args)]
pub struct ActArgs {
    /// The app
    name: String,
    #[command(flatten)]
    dry: DryRunArgs,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: AppCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        AppCommand::Push(args) => push::run(scope, &client, *args).await,
        AppCommand::List => scope.output.show(&client.apps().await?),
        AppCommand::Show(args) => scope.output.show(&client.app(&args.name).await?),
        AppCommand::Start(args) => act(scope, &client, &args, AppAction::Start, "Started").await,
        AppCommand::Stop(args) => act(scope, &client, &args, AppAction::Stop, "Stopped").await,
        AppCommand::Restart(args) => {
            act(scope, &client, &args, AppAction::Restart, "Restarted").await
        }
        AppCommand::Scale(args) => scale::run(scope, &client, args).await,
        AppCommand::Metrics(args) => scope.output.show(&client.app_metrics(&args.name).await?),
        AppCommand::Logs(args) => logs::run(scope, &client, args).await,
        AppCommand::Env(args) => env::run(scope, &client, args).await,
        AppCommand::Droplets(args) => scope.output.show(&client.droplets(&args.name).await?),
        AppCommand::Rollback(args) => rollback::run(scope, &client, args).await,
        AppCommand::Move(args) => {
            let (name, project) = (&args.name, &args.project);
            let plan = client.move_app(name, project, args.dry_run).await?;
            if args.dry_run {
                return scope.output.show(&plan);
            }
            scope
                .output
                .done(&format!("Moved {name} to {project}"), &plan)
        }
        AppCommand::Delete(args) => delete::run(scope, &client, args).await,
    }
}

async fn act(
    scope: &Scope,
    client: &Client,
    args: &ActArgs,
    action: AppAction,
    done: &str,
) -> Result<(), Failure> {
    let done = format!("{done} {}", args.name);
    args.dry
        .carry_out(scope, client, &args.name, Change::Act(action), &done)
        .await
}

/// Whether to do it or only to say what would be done.
#[derive(Debug, Args)]
struct DryRunArgs {
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

impl DryRunArgs {
    /// Has a change made and waits until it is, or shows what it would do.
    async fn carry_out(
        &self,
        scope: &Scope,
        client: &Client,
        name: &str,
        change: Change<'_>,
        done: &str,
    ) -> Result<(), Failure> {
        if self.dry_run {
            return scope.output.show(&client.plan_app(name, change).await?);
        }
        let job = client.change_app(name, change).await?;
        let job = follow::to_success(client, job).await?;
        scope.output.done(done, &job)
    }
}
