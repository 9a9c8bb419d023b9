//! Where things are: the project's folders and the user's cache.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

/// The project's folders on this machine.
pub struct Project {
    root: PathBuf,
    cache: PathBuf,
}

impl Project {
    /// Finds the folders.
    ///
    /// # Errors
    /// If neither `XDG_CACHE_HOME` nor `HOME` says where caches belong.
    pub fn find() -> Result<Self> {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest)
            .ancestors()
            .nth(2)
            .context("host/xtask is not two folders below the project's root")?
            .to_owned();
        let cache = cache_home(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"))?.join("muster");
        Ok(Self { root, cache })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder, outside the project, of what is costly to make and the same
    /// for every checkout.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The cargo that runs this chore, to be called in the root.
    ///
    /// It forgets what `cargo run` told this process about the package
    /// `muster-xtask`.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }
}

/// Caches belong in `XDG_CACHE_HOME` if that is an absolute path, else in
/// `~/.cache`.
fn cache_home(xdg: Option<OsString>, home: Option<OsString>) -> Result<PathBuf> {
    if let Some(path) = xdg.map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(path);
    }
    let home = home
        .filter(|home| !home.is_empty())
        .context("no folder for caches: set HOME or XDG_CACHE_HOME")?;
    Ok(Path::new(&home).join(".cache"))
}

/// Whether a program of this name is on `PATH`.
pub fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// `PATH` with more folders in front.
///
/// # Errors
/// If one of them has a colon in its name.
pub fn search_path(first: &[&Path]) -> Result<OsString> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = first
        .iter()
        .map(|folder| folder.to_path_buf())
        .chain(env::split_paths(&inherited));
    env::join_paths(folders)
        .context("the cache's path has a colon: set XDG_CACHE_HOME to one without")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_follow_the_xdg_rules() {
        let home = || Some("/home/ada".into());
        assert_eq!(
            cache_home(Some("/var/c".into()), home()).unwrap(),
            Path::new("/var/c")
        );
        assert_eq!(
            cache_home(Some("relative".into()), home()).unwrap(),
            Path::new("/home/ada/.cache")
        );
        assert_eq!(
            cache_home(Some("".into()), home()).unwrap(),
            Path::new("/home/ada/.cache")
        );
        assert_eq!(
            cache_home(None, home()).unwrap(),
            Path::new("/home/ada/.cache")
        );
        assert!(cache_home(None, None).is_err());
    }
}
