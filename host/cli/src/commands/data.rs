//! `muster data`

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::BufWriter,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use futures::{StreamExt, TryStreamExt, stream};
use muster_api::{
    blocks::Digest,
    data::{DataImport, ExportedData},
};

use super::{Scope, terminal};
use crate::{
    client::Client,
    data_file::{DataError, DataFile, write_block, write_data},
    failure::{Exit, Failure},
    output::text,
};

/// How many blocks are fetched at the same time.
const PARALLEL: usize = 4;

/// What to do with apps on their way to another Muster.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Write apps with their settings, routes, releases, droplets and blocks to a file
    ///
    /// The variables of apps are in it, secrets among them: the file is for your
    /// eyes only.
    Export {
        /// The file to write, which must not be there
        file: PathBuf,
        /// Only this app; may be given several times
        #[arg(long, value_name = "NAME")]
        app: Vec<String>,
    },
    /// Bring in apps out of such a file
    ///
    /// Either all of them come, or none.
    Import(ImportArgs),
}

/// What to bring in, and how.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file
    file: PathBuf,
    /// Only this app; may be given several times
    #[arg(long, value_name = "NAME")]
    app: Vec<String>,
    /// The project that they go into [default: the one of the name that each had]
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Leave out what collides with what is there
    #[arg(long)]
    skip: bool,
    /// Only show what would come, and what collides
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Does it.
///
/// # Errors
/// If the host refuses, or the file is of no use.
pub async fn run(scope: &Scope, command: DataCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        DataCommand::Export { file, app } => export(scope, &client, &file, &app).await,
        DataCommand::Import(args) => import(scope, &client, args).await,
    }
}

fn wrong(path: &Path) -> impl Fn(DataError) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::new(Exit::Failure, format!("{path}: {error}"))
}

fn digests(data: &ExportedData) -> Vec<Digest> {
    let all = data.files().flat_map(|file| file.blocks.iter().cloned());
    let once: BTreeSet<_> = all.collect();
    once.into_iter().collect()
}

async fn export(
    scope: &Scope,
    client: &Client,
    path: &Path,
    apps: &[String],
) -> Result<(), Failure> {
    let data = client.export_data(apps).await?;
    let io = |error: std::io::Error| wrong(path)(error.into());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = BufWriter::new(options.open(path).map_err(io)?);
    let written = fill(client, path, &mut file, &data).await;
    if written.is_err() {
        // Half of it is of no use.
        let _ = std::fs::remove_file(path);
    }
    let blocks = written?;
    let line = format!(
        "Exported {} with {} to {}",
        text::count(data.apps.len(), "app"),
        text::count(blocks, "block"),
        path.display()
    );
    scope.output.done(&line, &data)
}

async fn fill(
    client: &Client,
    path: &Path,
    file: &mut BufWriter<std::fs::File>,
    data: &ExportedData,
) -> Result<usize, Failure> {
    write_data(file, data).map_err(wrong(path))?;
    let digests = digests(data);
    let fetched = stream::iter(digests.clone()).map(|digest| async move {
        let bytes = client.block(&digest).await?;
        Ok::<_, Failure>((digest, bytes))
    });
    let mut fetched = std::pin::pin!(fetched.buffered(PARALLEL));
    while let Some((digest, bytes)) = fetched.try_next().await? {
        write_block(file, &digest, &bytes).map_err(wrong(path))?;
    }
    let flushed = std::io::Write::flush(file).and_then(|()| file.get_ref().sync_all());
    flushed.map_err(|error| wrong(path)(error.into()))?;
    Ok(digests.len())
}

async fn import(scope: &Scope, client: &Client, args: ImportArgs) -> Result<(), Failure> {
    let mut file = DataFile::open(&args.file).map_err(wrong(&args.file))?;
    let mut data = file.data().map_err(wrong(&args.file))?;
    if !args.app.is_empty() {
        for name in &args.app {
            if !data.apps.iter().any(|app| app.name == *name) {
                let message = format!("{} has no app '{name}'", args.file.display());
                return Err(Failure::new(Exit::NotFound, message));
            }
        }
        data.apps.retain(|app| args.app.contains(&app.name));
    }
    let all = digests(&data);
    let asked = DataImport {
        data,
        project: args.project,
        skip: args.skip,
    };
    let plan = client.import_data(&asked, true).await?;
    if args.dry_run {
        return scope.output.show(&plan);
    }
    if !args.yes {
        for (title, lines) in [
            ("This collides:", &plan.collides),
            ("This comes:", &plan.plan.changes),
        ] {
            if !lines.is_empty() {
                eprintln!("{title}");
            }
            for line in lines {
                eprintln!("  {}", text::printable(line));
            }
        }
        terminal::confirm("Import it?")?;
    }
    let missing: BTreeSet<_> = client.missing_blocks(&all).await?.into_iter().collect();
    while let Some((digest, bytes)) = file.block().map_err(wrong(&args.file))? {
        if missing.contains(&digest) {
            client.put_block(&digest, bytes).await?;
        }
    }
    let done = client.import_data(&asked, false).await?;
    let count = text::count(done.plan.changes.len(), "app");
    scope.output.done(&format!("Imported {count}"), &done)
}
