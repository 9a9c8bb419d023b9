//! Which files belong to a package.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ignore::{DirEntry, WalkBuilder};

use super::PackageError;
use crate::manifest;

/// Says what not to push, in the words of `.gitignore`.
const IGNORE_FILE: &str = ".musterignore";
/// What nobody wants to push, wherever it is.
const NEVER: &[&str] = &[".git", "target", "node_modules"];

/// The files to push: their names in the package, and where they are.
pub fn find(path: &Path) -> Result<Vec<(String, PathBuf)>, PackageError> {
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

    fn names(path: &Path) -> Vec<String> {
        find(path)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
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
        assert_eq!(
            names(folder.path()),
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
        assert_eq!(names(&folder.path().join("target")), ["a.wasm"]);
    }

    #[test]
    fn links_within_the_directory_are_followed() {
        let folder = folder(&[("real/a", "a")]);
        symlink("real", folder.path().join("link")).unwrap();
        assert_eq!(names(folder.path()), ["link/a", "real/a"]);
    }

    #[test]
    fn links_out_of_the_directory_are_refused() {
        for target in ["outside/secret", "outside"] {
            let folder = folder(&[("outside/secret", "s"), ("app/a", "a")]);
            symlink(folder.path().join(target), folder.path().join("app/link")).unwrap();
            let refused = find(&folder.path().join("app"));
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
        assert!(matches!(find(folder.path()), Err(PackageError::Walk(_))));
    }

    #[test]
    fn nothing_to_push_is_refused() {
        let folder = folder(&[(".git/config", "")]);
        let refused = find(folder.path());
        assert!(matches!(refused, Err(PackageError::Empty { .. })));
        let refused = find(&folder.path().join("gone"));
        assert!(matches!(refused, Err(PackageError::Read { .. })));
    }
}
