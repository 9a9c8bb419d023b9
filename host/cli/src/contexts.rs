//! Contexts: the hosts this person works with, and the tokens for them, in
//! `contexts.json` of the configuration directory.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use time::{Duration, OffsetDateTime};

use muster_api::tokens::TokenReply;

const FILE: &str = "contexts.json";
const LOCK: &str = "contexts.lock";

/// Why contexts cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// No directory to keep them in.
    #[error("there is no home directory to keep contexts in")]
    Home,
    /// No context is in use.
    #[error("you are not logged in to any host")]
    None,
    /// No context of that name.
    #[error("there is no context '{name}'")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that holds something else.
    #[error("{} is not a list of contexts: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// The tokens of one login.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// Goes into requests.
    pub access: String,
    /// When the access token expires, by this machine's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Gets the next pair, once.
    pub refresh: String,
}

impl Tokens {
    /// The tokens of a reply that came in just now.
    pub fn from_reply(reply: TokenReply) -> Self {
        let lifetime = Duration::seconds(i64::try_from(reply.expires_in).unwrap_or(i64::MAX));
        Self {
            access: reply.access_token,
            expires_at: OffsetDateTime::now_utc().saturating_add(lifetime),
            refresh: reply.refresh_token.unwrap_or_default(),
        }
    }

    /// Whether the access token is too close to its end to be sent.
    pub fn is_stale(&self) -> bool {
        self.expires_at - OffsetDateTime::now_utc() < Duration::seconds(20)
    }
}

/// One host and who works with it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Context {
    /// The host's management address.
    pub url: String,
    /// The user's name there.
    pub user: String,
    /// The login, until `muster logout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// The data directory of a host on this machine, whose own key is used in
    /// place of a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
}

/// All contexts.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contexts {
    /// The one in use.
    pub current: Option<String>,
    /// All of them by name.
    pub contexts: BTreeMap<String, Context>,
}

impl Contexts {
    /// The context of that name, or the one in use.
    ///
    /// # Errors
    /// If there is none.
    pub fn select(&self, name: Option<&str>) -> Result<(&str, &Context), ContextError> {
        let name = name.or(self.current.as_deref()).ok_or(ContextError::None)?;
        let found = self.contexts.get_key_value(name);
        let (name, context) = found.ok_or_else(|| ContextError::Unknown {
            name: name.to_owned(),
        })?;
        Ok((name, context))
    }
}

/// Where contexts are kept.
#[derive(Debug, Clone)]
pub struct ContextStore {
    directory: PathBuf,
}

/// The right to write, which one process has at a time. Given back when dropped.
pub struct Exclusive {
    store: ContextStore,
    _lock: File,
}

impl ContextStore {
    /// The store of the person who runs this: `$XDG_CONFIG_HOME/muster`, or
    /// `~/.config/muster`.
    ///
    /// # Errors
    /// If neither variable is set.
    pub fn of_this_user() -> Result<Self, ContextError> {
        let base = absolute("XDG_CONFIG_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".config")))
            .ok_or(ContextError::Home)?;
        Ok(Self::at(base.join("muster")))
    }

    /// A store in the given directory, which is made on the first write.
    pub fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// What is kept. Nothing is an empty list.
    ///
    /// # Errors
    /// If the file cannot be read or holds something else.
    pub fn read(&self) -> Result<Contexts, ContextError> {
        let path = self.directory.join(FILE);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| ContextError::Malformed { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contexts::default()),
            Err(source) => Err(ContextError::File { path, source }),
        }
    }

    /// Waits until no other process writes.
    ///
    /// # Errors
    /// If the directory cannot be made or the lock not be taken.
    pub fn lock(&self) -> Result<Exclusive, ContextError> {
        self.make_directory()
            .map_err(|source| self.error(&self.directory, source))?;
        let path = self.directory.join(LOCK);
        let open = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let file = open.map_err(|source| self.error(&path, source))?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => {
                    return Ok(Exclusive {
                        store: self.clone(),
                        _lock: file,
                    });
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(self.error(&path, errno.into())),
            }
        }
    }

    /// Reads, changes and writes as one step.
    ///
    /// # Errors
    /// As of reading, locking and writing, and whatever the change refuses;
    /// then nothing is written.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Contexts) -> Result<T, ContextError>,
    ) -> Result<T, ContextError> {
        let exclusive = self.lock()?;
        let mut contexts = self.read()?;
        let result = change(&mut contexts)?;
        exclusive.write(&contexts)?;
        Ok(result)
    }

    /// The directory belongs to this person alone, even if it was there before.
    fn make_directory(&self) -> io::Result<()> {
        if let Some(parent) = self.directory.parent() {
            fs::create_dir_all(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mode = fs::metadata(&self.directory)?.permissions().mode();
                if mode & 0o077 != 0 {
                    fs::set_permissions(&self.directory, Permissions::from_mode(0o700))?;
                }
                Ok(())
            }
            made => made,
        }
    }

    fn error(&self, path: &Path, source: io::Error) -> ContextError {
        ContextError::File {
            path: path.to_owned(),
            source,
        }
    }
}

impl Exclusive {
    /// Replaces what is kept. A reader sees the old file or the new one, never
    /// a part.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, contexts: &Contexts) -> Result<(), ContextError> {
        let path = self.store.directory.join(FILE);
        self.replace(&path, contexts)
            .map_err(|source| self.store.error(&path, source))
    }

    fn replace(&self, path: &Path, contexts: &Contexts) -> io::Result<()> {
        // A temporary file is made with mode 0600, and keeps it when it is renamed.
        let mut file = NamedTempFile::new_in(&self.store.directory)?;
        serde_json::to_writer_pretty(&mut file, contexts)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

/// A variable that holds an absolute path; anything else does not count.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(url: &str) -> Context {
        Context {
            url: url.to_owned(),
            user: "admin".to_owned(),
            tokens: None,
            data_dir: None,
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_may_read_what_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("config/muster");
        let store = ContextStore::at(directory.clone());
        store
            .change(|contexts| {
                contexts
                    .contexts
                    .insert("here".to_owned(), context("http://127.0.0.1:7480"));
                Ok(())
            })
            .unwrap();
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join(FILE)), 0o600);
        assert_eq!(mode(&directory.join(LOCK)), 0o600);
    }

    #[test]
    fn a_directory_open_to_others_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("muster");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        ContextStore::at(directory.clone())
            .change(|_| Ok(()))
            .unwrap();
        assert_eq!(mode(&directory), 0o700);
    }

    #[test]
    fn changes_at_the_same_time_all_count() {
        let home = tempfile::tempdir().unwrap();
        let store = ContextStore::at(home.path().join("muster"));
        std::thread::scope(|scope| {
            for number in 0..16 {
                let store = &store;
                scope.spawn(move || {
                    store
                        .change(|contexts| {
                            contexts
                                .contexts
                                .insert(format!("c{number}"), context("http://h"));
                            Ok(())
                        })
                        .unwrap();
                });
            }
        });
        assert_eq!(store.read().unwrap().contexts.len(), 16);
    }

    #[test]
    fn a_refused_change_writes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let store = ContextStore::at(home.path().join("muster"));
        let refused = store.change(|contexts| {
            contexts.current = Some("gone".to_owned());
            Err::<(), _>(ContextError::None)
        });
        assert!(matches!(refused, Err(ContextError::None)));
        assert_eq!(store.read().unwrap().current, None);
    }

    #[test]
    fn the_named_context_wins_over_the_current_one() {
        let contexts = Contexts {
            current: Some("a".to_owned()),
            contexts: [("a", "http://a"), ("b", "http://b")]
                .map(|(name, url)| (name.to_owned(), context(url)))
                .into(),
        };
        assert_eq!(contexts.select(None).unwrap().1.url, "http://a");
        assert_eq!(contexts.select(Some("b")).unwrap().1.url, "http://b");
        assert!(matches!(
            contexts.select(Some("c")),
            Err(ContextError::Unknown { .. })
        ));
        assert!(matches!(
            Contexts::default().select(None),
            Err(ContextError::None)
        ));
    }

    #[test]
    fn a_file_that_is_something_else_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join(FILE), "tokens").unwrap();
        let error = ContextStore::at(home.path().to_owned())
            .read()
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("contexts.json is not a list of contexts"),
            "{error}"
        );
    }
}
