//! The package that is being staged, as the stager plugin reads it.

use futures::TryStreamExt;
use muster_api::blocks::FileEntry;
use muster_blocks::{Blocks, BlocksError, file_digest};
use muster_engine::plugin::staging::{PackageEntry, PackageError, PackageFiles};
use tokio::runtime::Handle;

/// The most bytes that one call reads.
const MAX_READ: u32 = 4 << 20;

/// A package, read from the block store on the stager's thread.
pub(super) struct Package {
    pub(super) blocks: Blocks,
    pub(super) files: Vec<FileEntry>,
    pub(super) runtime: Handle,
}

impl PackageFiles for Package {
    fn entries(&self) -> Vec<PackageEntry> {
        let mut entries: Vec<PackageEntry> = self
            .files
            .iter()
            .map(|file| PackageEntry {
                path: file.path.clone(),
                size: file.size,
                digest: file_digest(file),
            })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }

    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, PackageError> {
        let file = self.files.iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| PackageError::NotFound(path.to_owned()))?;
        let end = file
            .size
            .min(offset.saturating_add(u64::from(length.min(MAX_READ))));
        let read = async {
            let mut bytes = Vec::new();
            let mut stream = self.blocks.read_file(file, offset.min(end)..end)?;
            while let Some(chunk) = stream.try_next().await? {
                bytes.extend_from_slice(&chunk);
            }
            Ok::<_, BlocksError>(bytes)
        };
        self.runtime
            .block_on(read)
            .map_err(|error| PackageError::Unavailable(error.to_string()))
    }
}
