//! `muster state`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use muster_server::{CopyProgress, MoveState, UnmovedState, move_state};

use super::{
    Scope,
    serve::{database, usual_data_dir},
};
use crate::{
    failure::{Exit, Failure},
    output::text,
};

/// Where a host's state is.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Carry a host's state to PostgreSQL, where several hosts can share it, or back
    ///
    /// The host must not run meanwhile. What was in its data directory stays there
    /// until the move is confirmed.
    Move(MoveArgs),
}

/// Which state goes where.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The database, which has nothing in it: postgres://USER:PASSWORD@HOST:PORT,…/NAME
    #[arg(
        long,
        value_name = "URL",
        required_unless_present_any = ["back", "confirm"],
        conflicts_with_all = ["back", "confirm"]
    )]
    to: Option<String>,
    /// Carry it back to the data directory, with all that has changed since
    #[arg(long, conflicts_with = "confirm")]
    back: bool,
    /// Remove what the move has left in the data directory
    #[arg(long)]
    confirm: bool,
    /// The host's data directory [default: ~/.local/share/muster]
    #[arg(
        long,
        env = "MUSTER_DATA_DIR",
        hide_env_values = true,
        value_name = "DIR"
    )]
    data_dir: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// If the state cannot be moved, or the host runs.
pub async fn run(scope: &Scope, command: StateCommand) -> Result<(), Failure> {
    let StateCommand::Move(args) = command;
    let folder = args.data_dir.map_or_else(usual_data_dir, Ok)?;
    let (what, done) = match (args.to, args.back) {
        (Some(url), _) => {
            let url = database(&url)?;
            let done = format!("The state is in {url} from now on");
            (MoveState::To(url), done)
        }
        (None, true) => (
            MoveState::Back,
            "The state is in the data directory again".to_owned(),
        ),
        (None, false) => (
            MoveState::Confirm,
            "What was left in the data directory is gone".to_owned(),
        ),
    };
    let bar = ProgressBar::new(0);
    let shown = bar.clone();
    let told = move |progress: &CopyProgress| {
        shown.set_length(progress.total);
        shown.set_position(progress.done);
    };
    let moved = move_state(&folder, what, told).await;
    bar.finish_and_clear();
    let moved = moved.map_err(failure)?;
    let rows = usize::try_from(moved.rows).unwrap_or(usize::MAX);
    let line = match moved.tables {
        0 => done,
        tables => format!(
            "{done}: {} of {}, compared on both sides",
            text::count(rows, "row"),
            text::count(tables, "table"),
        ),
    };
    scope.output.done(
        &line,
        &serde_json::json!({ "tables": moved.tables, "rows": moved.rows }),
    )
}

fn failure(error: UnmovedState) -> Failure {
    match error {
        UnmovedState::Refused { message, remedy } => {
            Failure::new(Exit::Failure, message).hint(remedy)
        }
        other => Failure::new(Exit::Failure, other.to_string()),
    }
}
