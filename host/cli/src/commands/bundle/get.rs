//! `muster bundle get`

use std::{
    fs,
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use clap::Args;
use indicatif::ProgressBar;
use muster_api::blocks::FileEntry;
use tempfile::NamedTempFile;
use tokio::task;

use super::Scope;
use crate::{
    client::Client,
    failure::{Exit, Failure},
    output::text,
    package::{Package, PackageError},
    upload::bar,
};

/// Which bundle goes where.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// The bundle
    name: String,
    /// The folder that its files go to, which is made if there is none; one of the
    /// bundle's name unless told
    folder: Option<PathBuf>,
    /// Overwrite files that have other content
    #[arg(long)]
    replace: bool,
}

/// Downloads what is not there yet. Each file appears once it is whole and its
/// bytes are those that the bundle names.
///
/// # Errors
/// If the host refuses or breaks off, or a file cannot be written.
pub async fn run(scope: &Scope, client: &Client, args: GetArgs) -> Result<(), Failure> {
    let detail = client.bundle(&args.name).await?;
    let folder = args.folder.unwrap_or_else(|| PathBuf::from(&args.name));
    let mut wanted = Vec::new();
    for file in &detail.files {
        let path = folder.join(inside(&file.path)?);
        match has(&path, file).await? {
            Some(true) => {}
            Some(false) if !args.replace => {
                let why = format!("{} is there with other content", path.display());
                return Err(Failure::usage(why).hint("overwrite it with --replace"));
            }
            _ => wanted.push((file, path)),
        }
    }
    let size: u64 = wanted.iter().map(|(file, _)| file.size).sum();
    let bar = bar("Downloading", size);
    for (file, path) in &wanted {
        download(client, &args.name, file, path, &bar).await?;
    }
    bar.finish_and_clear();
    let line = format!(
        "Downloaded {} of {}, {}, to {}",
        wanted.len(),
        text::count(detail.files.len(), "file"),
        text::size(size),
        folder.display()
    );
    scope.output.done(&line, &detail.bundle)
}

/// A path that stays in the folder, whatever the host says.
fn inside(path: &str) -> Result<&Path, Failure> {
    let path = Path::new(path);
    let mut parts = path.components();
    if path.as_os_str().is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        let why = format!("the bundle has a file that would lie elsewhere: {path:?}");
        return Err(Failure::new(Exit::Failure, why));
    }
    Ok(path)
}

/// Whether a file is there with this content; nothing if there is none.
async fn has(path: &Path, file: &FileEntry) -> Result<Option<bool>, Failure> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(None),
        Ok(data) if !data.is_file() || data.len() != file.size => return Ok(Some(false)),
        Ok(_) => {}
    }
    let path = path.to_owned();
    let read = task::spawn_blocking(move || Package::read(&path, |_| ()));
    let read = read.await.map_err(|_| PackageError::Interrupted)??;
    let found = read.files.first().map(|found| &found.blocks);
    Ok(Some(found == Some(&file.blocks)))
}

async fn download(
    client: &Client,
    bundle: &str,
    file: &FileEntry,
    path: &Path,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let refused = |error: io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(refused)?;
    let mut part = NamedTempFile::new_in(folder).map_err(refused)?;
    let mut response = client.bundle_file(bundle, &file.path).await?;
    while let Some(bytes) = response.chunk().await.map_err(broken_off)? {
        part.write_all(&bytes).map_err(refused)?;
        bar.inc(bytes.len() as u64);
    }
    part.flush().map_err(refused)?;
    if has(part.path(), file).await? != Some(true) {
        let why = format!("{} did not arrive as it is in the bundle", file.path);
        return Err(Failure::new(Exit::Failure, why).hint("download it again"));
    }
    part.persist(path).map_err(|error| refused(error.error))?;
    Ok(())
}

fn broken_off(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    Failure::new(Exit::Failure, format!("the download broke off: {error}"))
        .hint("get it again; what is whole is not downloaded twice")
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn files_stay_in_their_folder() {
        for good in ["a", "a/b", "...", "a b"] {
            assert!(inside(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "../a", "a/../../b", ".."] {
            assert!(inside(bad).is_err(), "{bad}");
        }
    }
}
