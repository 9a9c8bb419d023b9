//! The files that a console is: named after what is in them, and compressed ahead.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use crate::guests;

/// When browsers load a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    First,
    Later,
}

/// What is to be in the folder.
#[derive(Default)]
pub struct Files(Vec<(String, Vec<u8>, When)>);

/// How many bytes files take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// With Brotli.
    pub brotli: usize,
    /// With gzip.
    pub gzip: usize,
}

/// How many bytes the files of a console take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Those that are loaded at first.
    pub first: Size,
    /// All.
    pub all: Size,
}

impl Files {
    /// Adds a file named after its content and returns its address.
    pub fn add(&mut self, stem: &str, ending: &str, content: &[u8]) -> String {
        self.add_named(name(stem, ending, &[content]), content, When::First)
    }

    /// The same for a file that is loaded later than at first.
    pub fn add_later(&mut self, stem: &str, ending: &str, content: &[u8]) -> String {
        self.add_named(name(stem, ending, &[content]), content, When::Later)
    }

    /// Adds a file of this name.
    pub fn put(&mut self, name: String, content: &[u8]) {
        self.0.push((name, content.to_owned(), When::First));
    }

    fn add_named(&mut self, name: String, content: &[u8], when: When) -> String {
        let address = address(&name);
        self.0.push((name, content.to_owned(), when));
        address
    }

    /// Writes all files, compresses them and removes what is left of earlier
    /// builds. Returns how large they are.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn write(&self, folder: &Path) -> Result<Sizes> {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let mut kept = Vec::new();
        let mut sizes = Sizes::default();
        for (name, content, when) in &self.0 {
            let path = folder.join(name);
            let packed = [format!("{name}.br"), format!("{name}.gz")];
            // Compressing well takes long; equal content needs it once.
            let is_there = fs::read(&path).is_ok_and(|old| old == *content)
                && packed.iter().all(|name| folder.join(name).is_file());
            if !is_there {
                guests::replace(&folder.join(&packed[0]), &with_brotli(content)?)?;
                guests::replace(&folder.join(&packed[1]), &with_gzip(content)?)?;
                guests::replace(&path, content)?;
            }
            let brotli = size(&folder.join(&packed[0]))?;
            let gzip = size(&folder.join(&packed[1]))?;
            sizes.all.add(brotli, gzip);
            if *when == When::First {
                sizes.first.add(brotli, gzip);
            }
            kept.push(name.clone());
            kept.extend(packed);
        }
        for entry in folder.read_dir()? {
            let entry = entry?;
            if !kept
                .iter()
                .any(|name| *name == entry.file_name().to_string_lossy())
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(sizes)
    }
}

impl Size {
    fn add(&mut self, brotli: usize, gzip: usize) {
        self.brotli += brotli;
        self.gzip += gzip;
    }
}

/// A file's name: what it is, and a digest of what it depends on.
pub fn name(stem: &str, ending: &str, contents: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for content in contents {
        digest.update(content);
    }
    let mark: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{stem}-{mark}.{ending}")
}

/// Where the host serves a file.
pub fn address(name: &str) -> String {
    format!("/console/{name}")
}

fn size(path: &Path) -> Result<usize> {
    Ok(usize::try_from(path.metadata()?.len())?)
}

fn with_brotli(content: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut packed, 1 << 16, 11, 22);
    writer.write_all(content)?;
    drop(writer);
    Ok(packed)
}

fn with_gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(content)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_content_and_leftovers_go() {
        let root = tempfile::tempdir().unwrap();
        let write = |content: &str| {
            let mut files = Files::default();
            let address = files.add("a", "js", content.as_bytes());
            files.write(root.path()).unwrap();
            address
        };
        let (one, two) = (write("one"), write("two"));
        assert_ne!(one, two);
        assert!(
            two.starts_with("/console/a-") && two.ends_with(".js"),
            "{two}"
        );
        let mut names: Vec<_> = root
            .path()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let name = two.strip_prefix("/console/").unwrap();
        assert_eq!(
            names,
            [name.to_owned(), format!("{name}.br"), format!("{name}.gz")]
        );
    }

    #[test]
    fn what_is_loaded_later_does_not_count_at_first() {
        let root = tempfile::tempdir().unwrap();
        let mut files = Files::default();
        files.add("first", "js", b"one");
        let alone = files.write(root.path()).unwrap();
        assert_eq!(alone.first, alone.all);
        files.add_later("later", "wasm", b"another");
        let both = files.write(root.path()).unwrap();
        assert_eq!(both.first, alone.first);
        assert!(both.all.brotli > both.first.brotli && both.all.gzip > both.first.gzip);
    }

    #[test]
    fn packed_files_are_smaller_and_not_empty() {
        let text = "muster ".repeat(1_000);
        for packed in [
            with_brotli(text.as_bytes()).unwrap(),
            with_gzip(text.as_bytes()).unwrap(),
        ] {
            assert!(
                !packed.is_empty() && packed.len() < text.len() / 10,
                "{}",
                packed.len()
            );
        }
    }
}
