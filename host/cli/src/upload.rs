//! Brings the blocks of a package to the host: those that it lacks, several at
//! a time.

use std::{path::PathBuf, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use muster_api::blocks::Digest;
use tokio::task;

use crate::{
    client::{Client, ClientError, Patience, patiently},
    output::text,
    package::{BlockSource, Package, PackageError, digest},
};

const PARALLEL: usize = 4;
const PATIENCE: Patience = Patience {
    attempts: 4,
    pause: Duration::from_millis(250),
};

/// Why blocks did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The host did not take one.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file could not be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A file is no longer what it was when the push began.
    #[error("{} has changed while it was pushed", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// Uploads what the host lacks, and says so on standard error.
///
/// # Errors
/// If a file changes or cannot be read, or the host does not take a block even
/// after a few attempts.
pub async fn upload(client: &Client, package: &Package) -> Result<(), UploadError> {
    let all: Vec<Digest> = package.blocks.keys().cloned().collect();
    let missing = patiently(PATIENCE, || client.missing_blocks(&all)).await?;
    let blocks: Vec<(&Digest, &BlockSource)> = missing
        .iter()
        .filter_map(|digest| package.blocks.get_key_value(digest))
        .collect();
    let size: u64 = blocks.iter().map(|(_, source)| source.length as u64).sum();
    if blocks.is_empty() {
        eprintln!("Nothing to upload: the host has every block");
        return Ok(());
    }
    let bar = bar("Uploading", size);
    stream::iter(blocks)
        .map(|(digest, source)| put(client, digest, source, &bar))
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    bar.finish_and_clear();
    let counted = format!("{} of {}", missing.len(), text::count(all.len(), "block"));
    eprintln!("Uploaded {counted}, {}", text::size(size));
    Ok(())
}

async fn put(
    client: &Client,
    name: &Digest,
    source: &BlockSource,
    bar: &ProgressBar,
) -> Result<(), UploadError> {
    let block = source.clone();
    let loaded = task::spawn_blocking(move || block.load().map(|bytes| (digest(&bytes), bytes)));
    let (found, bytes) = loaded.await.map_err(|_| PackageError::Interrupted)??;
    if found != *name {
        return Err(UploadError::Changed {
            path: source.path.clone(),
        });
    }
    patiently(PATIENCE, || client.put_block(name, bytes.clone())).await?;
    bar.inc(source.length as u64);
    Ok(())
}

/// A progress bar over bytes, on standard error if that is a terminal.
pub fn bar(verb: &'static str, size: u64) -> ProgressBar {
    const TEMPLATE: &str =
        "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}";
    let style = ProgressStyle::with_template(TEMPLATE);
    let bar = ProgressBar::new(size).with_message(verb);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
