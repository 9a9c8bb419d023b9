//! Packages, among them such as no user would push.

use std::{collections::BTreeMap, fmt};

use muster_engine::plugin::staging::{PackageEntry, PackageError, PackageFiles};
use sha2::{Digest, Sha256};

/// How every component begins.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// How every core module begins.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// What is wrong with the bytes of all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// They cannot be had.
    Unavailable,
    /// The host denies them.
    Denied,
    /// There are fewer than told.
    Short,
    /// There are to be more than any machine has.
    Endless,
    /// There are to be as many as 32 bits can tell.
    Huge,
}

/// A package in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    files: BTreeMap<String, Vec<u8>>,
    trouble: Option<Trouble>,
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.files.first_key_value() {
            None => write!(f, "an empty package")?,
            Some((path, bytes)) => {
                let path: String = path.chars().take(40).collect();
                let size = bytes.len();
                write!(
                    f,
                    "a package of {} files with {path:?} of {size} bytes",
                    self.files.len()
                )?;
            }
        }
        match self.trouble {
            None => Ok(()),
            Some(trouble) => write!(f, " whose bytes are {trouble:?}"),
        }
    }
}

impl Files {
    fn of(files: &[(&str, &[u8])]) -> Self {
        let files = files.iter();
        Self {
            files: files
                .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()))
                .collect(),
            trouble: None,
        }
    }

    /// A component that serves requests, if not well.
    pub(super) fn component() -> Self {
        Self::of(&[("app.wasm", &handler()), ("data/logo.svg", b"<svg/>")])
    }

    /// Web pages.
    pub(super) fn site() -> Self {
        Self::of(&[
            ("index.html", b"<!doctype html><p>Hi"),
            ("style.css", b"p {}"),
        ])
    }

    /// A package of many files.
    pub(super) fn many(count: usize) -> Self {
        let files = (0..count).map(|number| (format!("file-{number:05}.txt"), b"x".to_vec()));
        Self {
            files: files.collect(),
            trouble: None,
        }
    }

    /// The same with bytes that cannot be had, one way or another.
    pub(super) fn troubled(&self) -> Vec<Self> {
        let all = [
            Trouble::Unavailable,
            Trouble::Denied,
            Trouble::Short,
            Trouble::Endless,
            Trouble::Huge,
        ];
        all.map(|trouble| Self {
            trouble: Some(trouble),
            ..self.clone()
        })
        .to_vec()
    }
}

impl PackageFiles for Files {
    fn entries(&self) -> Vec<PackageEntry> {
        let entry = |(path, bytes): (&String, &Vec<u8>)| PackageEntry {
            path: path.clone(),
            size: match self.trouble {
                Some(Trouble::Short) => bytes.len() as u64 + 1_000,
                Some(Trouble::Endless) => u64::MAX,
                Some(Trouble::Huge) => u64::from(u32::MAX),
                _ => bytes.len() as u64,
            },
            digest: Sha256::digest(bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        };
        self.files.iter().map(entry).collect()
    }

    fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, PackageError> {
        match self.trouble {
            Some(Trouble::Unavailable) => {
                return Err(PackageError::Unavailable("the block is missing".to_owned()));
            }
            Some(Trouble::Denied) => {
                return Err(PackageError::AccessDenied("reading packages".to_owned()));
            }
            _ => {}
        }
        let Some(bytes) = self.files.get(path) else {
            return Err(PackageError::NotFound(path.to_owned()));
        };
        let start = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
        let rest = &bytes[start..];
        Ok(rest[..rest.len().min(length as usize)].to_vec())
    }
}

/// A component that exports an empty `wasi:http/incoming-handler@0.2.0`: an
/// instance of nothing, under that name.
fn handler() -> Vec<u8> {
    const NAME: &[u8] = b"wasi:http/incoming-handler@0.2.0";
    let mut bytes = COMPONENT.to_vec();
    // Section 5, instances: one, made of zero exports.
    bytes.extend([5, 3, 1, 1, 0]);
    // Section 11, exports: one, a plain name, the instance 0, no type ascribed.
    let length = 1 + 1 + 1 + NAME.len() + 1 + 1 + 1;
    bytes.extend([11, length as u8, 1, 0, NAME.len() as u8]);
    bytes.extend(NAME);
    bytes.extend([5, 0, 0]);
    bytes
}

/// Packages that no user would push.
pub(super) fn hostile() -> Vec<Files> {
    let long = "d/".repeat(2_000);
    let zeros = vec![0; 1 << 20];
    let parentheses = "(component ".repeat(20_000).into_bytes();
    let cut = &handler()[..20];
    let noise: Vec<u8> = (0..65_536_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let component = [COMPONENT, &noise].concat();
    let module = [MODULE, &noise].concat();
    vec![
        Files::default(),
        Files::of(&[("app.wasm", b"")]),
        Files::of(&[("app.wasm", COMPONENT)]),
        Files::of(&[("app.wasm", MODULE)]),
        Files::of(&[("app.wasm", &component)]),
        Files::of(&[("app.wasm", &module)]),
        Files::of(&[("app.wasm", cut)]),
        Files::of(&[("app.wasm", &zeros)]),
        Files::of(&[("app.wasm", b"\0asm\xff\xff\xff\xff")]),
        Files::of(&[("app.wat", &parentheses)]),
        Files::of(&[("app.wat", b"(component \xff\xfe)")]),
        Files::of(&[("a.wasm", &handler()), ("b.wasm", &handler())]),
        Files::of(&[("muster.toml", b"[app"), ("Cargo.toml", b"[package")]),
        Files::of(&[("index.html", b"\0"), (&long, b"deep")]),
        Files::of(&[("a\nb", b"x"), ("c d", b"y"), ("\u{1f4a9}", b"z")]),
        Files::of(&[("Dockerfile", b"FROM scratch")]),
        Files::of(&[("run.sh", b"#!/bin/sh\nexit 0\n")]),
    ]
}
