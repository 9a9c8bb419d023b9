//! Packages: the files of an app, cut into blocks.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use ignore::{DirEntry, WalkBuilder};
use muster_api::blocks::{Digest, FileEntry, MAX_BLOCK};
use sha2::{Digest as _, Sha256};

use crate::manifest;

/// Says what not to push, in the words of `.gitignore`.
const IGNORE_FILE: &str = ".musterignore";
/// What nobody wants to push, wherever it is.
const NEVER: &[&str] = &[".git", "target", "node_modules"];

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
        for (name, file) in find(path)? {
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

/// The name of a block.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(&Sha256::digest(bytes).into())
}

/// The files to push: their names in the package, and where they are.
fn find(path: &Path) -> Result<Vec<(String, PathBuf)>, PackageError> {
    let failed = |source| PackageError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_file() {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| PackageError::Name {
            path: path.to_owned(),
        })?;
        return Ok(vec![(name.to_owned(), path.to_owned())]);
    }
    if !metadata.is_dir() {
        return Err(PackageError::Kind {
            path: path.to_owned(),
        });
    }
    let files = walk(path)?;
    if files.is_empty() {
        return Err(PackageError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(files)
}

fn walk(root: &Path) -> Result<Vec<(String, PathBuf)>, PackageError> {
    let real_root = real(root)?;
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .parents(false)
        .follow_links(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(is_wanted)
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry?;
        if let Some(error) = entry.error() {
            return Err(error.clone().into());
        }
        // The root itself may be a link to wherever it likes.
        if entry.depth() > 0 && entry.path_is_symlink() {
            let target = real(entry.path())?;
            if !target.starts_with(&real_root) {
                return Err(PackageError::LeavesPackage {
                    path: entry.into_path(),
                    target,
                });
            }
        }
        match entry.file_type() {
            Some(kind) if kind.is_dir() => {}
            Some(kind) if kind.is_file() => {
                files.push((name_of(root, entry.path())?, entry.into_path()));
            }
            _ => {
                return Err(PackageError::Kind {
                    path: entry.into_path(),
                });
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_wanted(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    match entry.depth() {
        0 => true,
        // Settings go with the push; in the package, a site would serve them.
        1 if name == manifest::FILE => false,
        _ => name != IGNORE_FILE && !NEVER.iter().any(|never| name == *never),
    }
}

fn real(path: &Path) -> Result<PathBuf, PackageError> {
    fs::canonicalize(path).map_err(|source| PackageError::Read {
        path: path.to_owned(),
        source,
    })
}

fn name_of(root: &Path, path: &Path) -> Result<String, PackageError> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let segments: Option<Vec<&str>> = relative.iter().map(|segment| segment.to_str()).collect();
    Ok(segments
        .ok_or_else(|| PackageError::Name {
            path: path.to_owned(),
        })?
        .join("/"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(package: &Package) -> Vec<&str> {
        package
            .files
            .iter()
            .map(|file| file.path.as_str())
            .collect()
    }

    #[test]
    fn a_directory_is_walked_without_what_is_ignored() {
        let folder = folder(&[
            ("index.html", "a"),
            ("css/site.css", "b"),
            (".well-known/x", "c"),
            ("muster.toml", ""),
            ("docs/muster.toml", "d"),
            (".musterignore", "*.log\n/drafts/\n"),
            ("drafts/a.html", ""),
            ("css/drafts/b.css", "e"),
            ("debug.log", ""),
            (".git/config", ""),
            ("target/release/a.wasm", ""),
            ("node_modules/x/index.js", ""),
        ]);
        let package = Package::read(folder.path(), |_| ()).unwrap();
        assert_eq!(
            names(&package),
            [
                ".well-known/x",
                "css/drafts/b.css",
                "css/site.css",
                "docs/muster.toml",
                "index.html"
            ]
        );
    }

    #[test]
    fn a_directory_called_target_may_be_pushed_itself() {
        let folder = folder(&[("target/a.wasm", "a")]);
        let package = Package::read(&folder.path().join("target"), |_| ()).unwrap();
        assert_eq!(names(&package), ["a.wasm"]);
    }

    #[test]
    fn a_file_is_a_package_of_one() {
        let folder = folder(&[("a.wasm", "abc"), ("b.wasm", "")]);
        let package = Package::read(&folder.path().join("a.wasm"), |_| ()).unwrap();
        assert_eq!(names(&package), ["a.wasm"]);
        assert_eq!(package.files[0].size, 3);
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

    #[test]
    fn links_within_the_directory_are_followed() {
        let folder = folder(&[("real/a", "a")]);
        symlink("real", folder.path().join("link")).unwrap();
        let package = Package::read(folder.path(), |_| ()).unwrap();
        assert_eq!(names(&package), ["link/a", "real/a"]);
    }

    #[test]
    fn links_out_of_the_directory_are_refused() {
        for target in ["outside/secret", "outside"] {
            let folder = folder(&[("outside/secret", "s"), ("app/a", "a")]);
            symlink(folder.path().join(target), folder.path().join("app/link")).unwrap();
            let refused = Package::read(&folder.path().join("app"), |_| ());
            assert!(
                matches!(refused, Err(PackageError::LeavesPackage { .. })),
                "{target}"
            );
        }
    }

    #[test]
    fn circles_of_links_are_refused() {
        let folder = folder(&[("a/b", "")]);
        symlink("..", folder.path().join("a/up")).unwrap();
        assert!(matches!(
            Package::read(folder.path(), |_| ()),
            Err(PackageError::Walk(_))
        ));
    }

    #[test]
    fn nothing_to_push_is_refused() {
        let folder = folder(&[(".git/config", "")]);
        let refused = Package::read(folder.path(), |_| ());
        assert!(matches!(refused, Err(PackageError::Empty { .. })));
        let refused = Package::read(&folder.path().join("gone"), |_| ());
        assert!(matches!(refused, Err(PackageError::Read { .. })));
    }
}
