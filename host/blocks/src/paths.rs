//! Which paths files may have: relative, plain, and none inside another.

use std::collections::HashSet;

use muster_api::blocks::FileEntry;

/// The longest path, in bytes.
const MAX_PATH: usize = 1024;

/// The longest segment of a path, in bytes: what file systems take.
const MAX_SEGMENT: usize = 255;

/// What is wrong with the paths of files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A path is not a plain relative one.
    #[error("the path {path:?} is not allowed: {reason}")]
    NotAllowed {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Two files have one path.
    #[error("the path {0:?} is there twice")]
    Twice(String),
    /// A file is also the directory of another.
    #[error("{file:?} is a file, so that {inside:?} cannot be in it")]
    FileAsDirectory {
        /// The file.
        file: String,
        /// The file that would be in it.
        inside: String,
    },
}

/// Checks that a path is relative and stays where it begins: segments between
/// single slashes, none of them `.` or `..`, without backslashes and control
/// characters, at most 1024 bytes long and 255 in a segment.
///
/// # Errors
/// [`PathError::NotAllowed`] with the reason.
pub fn check_path(path: &str) -> Result<(), PathError> {
    let refuse = |reason| {
        Err(PathError::NotAllowed {
            path: path.to_owned(),
            reason,
        })
    };
    if path.is_empty() {
        return refuse("it is empty");
    }
    if path.len() > MAX_PATH {
        return refuse("it is longer than 1024 bytes");
    }
    if path.starts_with('/') {
        return refuse("it begins with a slash; paths are relative");
    }
    if path.contains('\\') {
        return refuse("it has a backslash; segments are separated by slashes");
    }
    if path.chars().any(char::is_control) {
        return refuse("it has a control character");
    }
    for segment in path.split('/') {
        match segment {
            "" => return refuse("it has an empty segment"),
            "." | ".." => return refuse("it has a segment '.' or '..'"),
            long if long.len() > MAX_SEGMENT => {
                return refuse("it has a segment of more than 255 bytes");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks that files fit into one directory: every path is allowed, there once,
/// and no file is where another needs a directory.
///
/// # Errors
/// The first [`PathError`].
pub fn check_tree(files: &[FileEntry]) -> Result<(), PathError> {
    let mut paths = HashSet::with_capacity(files.len());
    for file in files {
        check_path(&file.path)?;
        if !paths.insert(file.path.as_str()) {
            return Err(PathError::Twice(file.path.clone()));
        }
    }
    for path in &paths {
        let directories = path.match_indices('/').map(|(end, _)| &path[..end]);
        for directory in directories {
            if paths.contains(directory) {
                return Err(PathError::FileAsDirectory {
                    file: directory.to_owned(),
                    inside: (*path).to_owned(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    fn tree(paths: &[&str]) -> Vec<FileEntry> {
        let file = |path: &&str| FileEntry {
            path: (*path).to_owned(),
            size: 0,
            blocks: Vec::new(),
        };
        paths.iter().map(file).collect()
    }

    #[test]
    fn plain_relative_paths_are_allowed_and_nothing_else_is() {
        let long = "x".repeat(255);
        for good in [
            "a",
            "a/b",
            "index.html",
            ".well-known/x",
            "...",
            "a b/ü",
            "C:",
            long.as_str(),
        ] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        let longer = "x".repeat(256);
        let deep = "x/".repeat(600);
        for bad in [
            "", "/", "/a", "a/", "a//b", "..", "../a", "a/..", "a/../b", ".", "./a", "a/./b",
            "a\\b", "..\\a", "a\0", "a\nb", "a/\u{7f}", &longer, &deep,
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_get_out_of_one_anothers_way() {
        assert_eq!(check_tree(&tree(&["a/b", "a/c", "ab", "a.b"])), Ok(()));
        assert_eq!(
            check_tree(&tree(&["a", "b", "a"])),
            Err(PathError::Twice("a".into()))
        );
        for paths in [["a/b/c", "a/b"], ["a/b", "a/b/c"]] {
            let conflict = PathError::FileAsDirectory {
                file: "a/b".into(),
                inside: "a/b/c".into(),
            };
            assert_eq!(check_tree(&tree(&paths)), Err(conflict));
        }
        assert!(matches!(
            check_tree(&tree(&["a", "../b"])),
            Err(PathError::NotAllowed { .. })
        ));
    }

    proptest! {
        #[test]
        fn an_allowed_path_stays_inside(path in r"([a./\\\x00 ]|\PC){0,12}") {
            if check_path(&path).is_ok() {
                let parts: Vec<_> = Path::new(&path).components().collect();
                prop_assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(parts.len(), path.split('/').count());
                prop_assert_eq!(parts.iter().collect::<std::path::PathBuf>(), Path::new(&path));
            }
        }

        #[test]
        fn plain_segments_are_allowed(segments in prop::collection::vec("[a-zA-Z0-9_-][a-zA-Z0-9_. -]{0,20}", 1..8)) {
            prop_assert_eq!(check_path(&segments.join("/")), Ok(()));
        }
    }
}
