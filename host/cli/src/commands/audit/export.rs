//! `muster audit export`

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use tempfile::NamedTempFile;

use super::{FilterArgs, Scope};
use crate::failure::{Exit, Failure};

/// What to write out, and where to.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Write into this file, which only you can read; otherwise to standard output
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Writes out what matches. A file appears only once it is whole.
///
/// # Errors
/// If the host refuses or breaks off, or the file cannot be written.
pub async fn run(scope: &Scope, args: ExportArgs) -> Result<(), Failure> {
    let client = scope.client()?;
    let mut response = client.export_audit(&args.filter.into()).await?;
    let mut lines = 0;
    let mut copy = async |out: &mut dyn Write| -> Result<(), Failure> {
        while let Some(part) = response.chunk().await.map_err(broken_off)? {
            lines += part.iter().filter(|byte| **byte == b'\n').count();
            out.write_all(&part)?;
        }
        out.flush()?;
        Ok(())
    };
    let Some(path) = args.file else {
        return copy(&mut io::stdout()).await;
    };
    let refused = |error: io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder).map_err(refused)?;
    copy(&mut file).await?;
    file.as_file().sync_all().map_err(refused)?;
    file.persist(&path).map_err(|error| refused(error.error))?;
    eprintln!("{lines} entries are in {}", path.display());
    Ok(())
}

fn broken_off(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    Failure::new(Exit::Failure, format!("the export broke off: {error}"))
        .hint("what came so far is not all; export again")
}
