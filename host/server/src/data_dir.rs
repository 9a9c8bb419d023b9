//! The folder that holds everything a host keeps.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use muster_api::{id::DropletId, keys::INTERNAL_KEY_FILE};
use muster_identity::seal::KEY_LEN;
use rustix::fs::{FlockOperation, flock};

/// The folder of the contents of bundles, from where their links are.
pub(crate) const VERSIONS: &str = ".versions";

/// What is there as long as a backup is restored.
pub(crate) const RESTORING: &str = ".restoring";

/// A host's folder, locked for as long as this value lives.
#[derive(Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
    _lock: File,
}

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// A backup was to be restored into it, and was not to the end.
    #[error(
        "a restore into the data directory {0} was cut short; do it again with: muster backup restore FILE --data-dir {0} --replace"
    )]
    HalfRestored(PathBuf),
    /// Another host has it.
    #[error(
        "the data directory {0} is in use by another host; stop that one or choose another directory with --data-dir"
    )]
    InUse(PathBuf),
    /// The system refuses.
    #[error("the data directory {path} cannot be used: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DataDir {
    /// Makes the folder if there is none and locks it. The lock goes with the
    /// process, however it ends.
    pub(crate) fn open(root: &Path) -> Result<Self, DataDirError> {
        let dir = Self::hold(root)?;
        if root.join(RESTORING).exists() {
            return Err(DataDirError::HalfRestored(root.to_owned()));
        }
        let droplets = dir.droplets();
        fs::create_dir_all(&droplets).map_err(|source| DataDirError::Io {
            path: droplets,
            source,
        })?;
        Ok(dir)
    }

    /// Makes the folder if there is none and locks it, whatever is in it.
    pub(crate) fn hold(root: &Path) -> Result<Self, DataDirError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DataDirError::Io { path, source }
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(failed(root))?;
        let path = root.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed(&path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(DataDirError::InUse(root.to_owned())),
            Err(error) => return Err(failed(&path)(error.into())),
        }
        Ok(Self {
            root: root.to_owned(),
            _lock: lock,
        })
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where backups go unless told.
    pub(crate) fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// The database.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("muster.db")
    }

    /// The host's own access key, for whoever may read this folder.
    pub(crate) fn internal_key(&self) -> PathBuf {
        self.root.join(INTERNAL_KEY_FILE)
    }

    /// The key that secrets in the database are sealed with; a first start makes
    /// it. It lies apart from the database, for nobody but the host.
    pub(crate) fn sealing_key(&self) -> Result<Vec<u8>, DataDirError> {
        let path = self.root.join("secrets.key");
        let failed = |source| DataDirError::Io {
            path: path.clone(),
            source,
        };
        match fs::read(&path) {
            Ok(key) if key.len() == KEY_LEN => return Ok(key),
            Ok(_) => {
                let why = format!("it has not {KEY_LEN} bytes; bring it back from a copy");
                return Err(failed(io::Error::new(io::ErrorKind::InvalidData, why)));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let key: [u8; KEY_LEN] = rand::random();
        // Whole or not at all, and surely there before anything is sealed.
        let fresh = self.root.join("secrets.key.new");
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(&key)?;
            file.sync_all()?;
            fs::rename(&fresh, &path)?;
            File::open(&self.root)?.sync_all()
        };
        write().map_err(failed)?;
        Ok(key.to_vec())
    }

    /// The block store.
    pub(crate) fn blocks(&self) -> PathBuf {
        self.root.join("blocks")
    }

    /// Compiled code.
    pub(crate) fn code(&self) -> PathBuf {
        self.root.join("cache/code")
    }

    /// Files of bundles, for whoever wants to read them: a link per bundle.
    pub(crate) fn content(&self) -> PathBuf {
        self.root.join("content")
    }

    /// Where the links lead: a folder per content, by its digest.
    pub(crate) fn content_versions(&self) -> PathBuf {
        self.content().join(VERSIONS)
    }

    /// Files of droplets, as apps see them.
    pub(crate) fn droplets(&self) -> PathBuf {
        self.root.join("droplets")
    }

    /// Files of one droplet.
    pub(crate) fn droplet(&self, id: DropletId) -> PathBuf {
        self.droplets().join(id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sealing_key_is_made_once_and_is_for_nobody_else() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        let key = dir.sealing_key().unwrap();
        assert_eq!((key.len(), dir.sealing_key().unwrap()), (KEY_LEN, key));
        let path = folder.path().join("secrets.key");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&path, b"short").unwrap();
        let odd = dir.sealing_key().unwrap_err().to_string();
        assert!(odd.contains("secrets.key"), "{odd}");
    }

    #[test]
    fn a_second_host_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        assert!(matches!(
            DataDir::open(folder.path()),
            Err(DataDirError::InUse(_))
        ));
        drop(first);
        assert!(DataDir::open(folder.path()).is_ok());
    }
}
