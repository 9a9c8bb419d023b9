//! Packages: the files of an app, cut into blocks.

mod walk;

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use indicatif::ProgressBar;
use muster_api::blocks::{Digest, FileEntry, MAX_BLOCK};
use sha2::{Digest as _, Sha256};
use tokio::task;

use crate::output::text;

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A directory without a file to push.
    #[error("{} holds nothing to push", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A symbolic link to somewhere else.
    #[error("{} leads out of the directory that is pushed, to {}", path.display(), target.display())]
    LeavesPackage {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A name that the API cannot carry.
    #[error("the name of {} is not UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Something like a socket or a device.
    #[error("{} is neither a file nor a directory", path.display())]
    Kind {
        /// It.
        path: PathBuf,
    },
    /// A directory that cannot be walked, or a bad pattern in `.musterignore`.
    #[error("{0}")]
    Walk(#[from] ignore::Error),
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process ends.
    #[error("interrupted")]
    Interrupted,
}

/// Where the bytes of a block are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockSource {
    /// The file.
    pub path: PathBuf,
    /// The first byte.
    offset: u64,
    /// How many bytes.
    pub length: usize,
}

/// The files of an app and where their blocks are.
#[derive(Debug, Default)]
pub struct Package {
    /// The files, by path.
    pub files: Vec<FileEntry>,
    /// Each block once, wherever it first occurs.
    pub blocks: HashMap<Digest, BlockSource>,
}

impl Package {
    /// Reads a file, or all files of a directory that are not ignored. `read`
    /// hears of each block's length.
    ///
    /// # Errors
    /// If there is nothing to push, or something that cannot be.
    pub fn read(path: &Path, read: impl Fn(u64)) -> Result<Self, PackageError> {
        let mut package = Self::default();
        for (name, file) in walk::find(path)? {
            package.add(name, &file, &read)?;
        }
        Ok(package)
    }

    fn add(&mut self, name: String, path: &Path, read: impl Fn(u64)) -> Result<(), PackageError> {
        let failed = |source| PackageError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let mut entry = FileEntry {
            path: name,
            size: 0,
            blocks: Vec::new(),
        };
        let mut buffer = Vec::with_capacity(MAX_BLOCK);
        loop {
            buffer.clear();
            let block = MAX_BLOCK as u64;
            let length = file
                .by_ref()
                .take(block)
                .read_to_end(&mut buffer)
                .map_err(failed)?;
            if length == 0 {
                break;
            }
            let digest = digest(&buffer);
            self.blocks
                .entry(digest.clone())
                .or_insert_with(|| BlockSource {
                    path: path.to_owned(),
                    offset: entry.size,
                    length,
                });
            entry.blocks.push(digest);
            entry.size += length as u64;
            read(length as u64);
        }
        self.files.push(entry);
        Ok(())
    }

    /// Bytes of all files together.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl BlockSource {
    /// Reads the block again.
    ///
    /// # Errors
    /// If the file is gone or has become too short.
    pub fn load(&self) -> Result<Vec<u8>, PackageError> {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut bytes = vec![0; self.length];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|source| PackageError::Read {
            path: self.path.clone(),
            source,
        })
    }
}

/// Reads a file or directory, and says what of it is about to be done.
///
/// # Errors
/// If there is nothing to read, or something that cannot be.
pub async fn read(verb: &str, path: PathBuf) -> Result<Package, PackageError> {
    let progress = ProgressBar::new_spinner().with_message("Reading");
    let read = {
        let progress = progress.clone();
        task::spawn_blocking(move || Package::read(&path, |length| progress.inc(length)))
    };
    let package = read.await.map_err(|_| PackageError::Interrupted)??;
    progress.finish_and_clear();
    eprintln!(
        "{verb} {}, {}",
        text::count(package.files.len(), "file"),
        text::size(package.size())
    );
    Ok(package)
}

/// The name of a block.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_a_package_of_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wasm"), "abc").unwrap();
        fs::write(folder.path().join("b.wasm"), "").unwrap();
        let package = Package::read(&folder.path().join("a.wasm"), |_| ()).unwrap();
        assert_eq!(package.files.len(), 1);
        assert_eq!(
            (package.files[0].path.as_str(), package.files[0].size),
            ("a.wasm", 3)
        );
        assert_eq!(
            package.files[0].blocks[0].as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn files_are_cut_into_blocks_that_load_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = vec![1; MAX_BLOCK];
        bytes.extend(vec![2; MAX_BLOCK]);
        bytes.extend(vec![1; MAX_BLOCK]);
        bytes.push(3);
        fs::write(folder.path().join("big"), &bytes).unwrap();
        fs::write(folder.path().join("empty"), []).unwrap();
        let package = Package::read(folder.path(), |_| ()).unwrap();
        let big = &package.files[0];
        assert_eq!((big.size, big.blocks.len()), (bytes.len() as u64, 4));
        assert_eq!(big.blocks[0], big.blocks[2]);
        assert_eq!(package.blocks.len(), 3);
        let mut loaded = Vec::new();
        for block in &big.blocks {
            loaded.extend(package.blocks[block].load().unwrap());
        }
        assert_eq!(loaded, bytes);
        assert_eq!(
            (package.files[1].size, package.files[1].blocks.len()),
            (0, 0)
        );
        assert_eq!(package.size(), bytes.len() as u64);
    }
}
