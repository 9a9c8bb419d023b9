//! A package.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::stager::{self, PackageEntry, PackageError};

/// A package in memory.
#[derive(Debug, Clone, Default)]
pub struct Package {
    files: BTreeMap<String, Vec<u8>>,
    unreadable: BTreeSet<String>,
}

impl Package {
    /// A package of these files: path and content.
    #[must_use]
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        files
            .iter()
            .fold(Self::default(), |package, (path, bytes)| {
                package.with(path, bytes)
            })
    }

    /// With one more file.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: &[u8]) -> Self {
        self.files.insert(path.to_owned(), bytes.to_vec());
        self
    }

    /// With one more file, whose bytes cannot be had.
    #[must_use]
    pub fn with_unreadable(mut self, path: &str) -> Self {
        self.unreadable.insert(path.to_owned());
        self.with(path, b"unreadable")
    }
}

impl stager::Package for Package {
    fn entries(&self) -> Vec<PackageEntry> {
        let entry = |(path, bytes): (&String, &Vec<u8>)| {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            PackageEntry {
                path: path.clone(),
                size: bytes.len() as u64,
                digest: format!("{:064x}", hasher.finish()),
            }
        };
        self.files.iter().map(entry).collect()
    }

    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, PackageError> {
        if self.unreadable.contains(path) {
            let why = format!("the bytes of {path} cannot be had");
            return Err(PackageError::Unavailable(why));
        }
        let Some(bytes) = self.files.get(path) else {
            return Err(PackageError::NotFound(path.to_owned()));
        };
        let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
        let rest = &bytes[start..];
        Ok(rest[..rest.len().min(length as usize)].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use stager::Package as _;

    use super::*;

    #[test]
    fn files_are_read_in_parts() {
        let package = Package::of(&[("b", b"12345"), ("a", b"")]).with_unreadable("c");
        let paths: Vec<_> = package.entries().into_iter().map(|it| it.path).collect();
        assert_eq!(paths, ["a", "b", "c"]);
        assert_eq!(package.read("b", 1, 2).unwrap(), b"23");
        assert_eq!(package.read("b", 4, 9).unwrap(), b"5");
        assert_eq!(package.read("b", 9, 9).unwrap(), b"");
        assert!(matches!(
            package.read("c", 0, 1),
            Err(PackageError::Unavailable(_))
        ));
        assert!(matches!(
            package.read("d", 0, 1),
            Err(PackageError::NotFound(_))
        ));
    }
}
