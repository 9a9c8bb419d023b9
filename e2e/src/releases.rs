//! Releases to upgrade to: the binary under test with another version in its stamp,
//! which is the same program otherwise; and programs that are of no use.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use crate::{guests::workspace, host::muster_binary};

/// What a stamp begins with, and how long it is; as `host/store/src/version.rs` has
/// them.
const MARK: &[u8] = b"\0muster stamp 1\0";
const WIDTH: usize = 96;

/// The stamp of a version whose schema every version works with.
#[must_use]
pub fn stamp(version: &str) -> Vec<u8> {
    let mut stamp = [MARK, version.as_bytes(), b"\n0.1.0"].concat();
    assert!(stamp.len() <= WIDTH, "there is room for the version");
    stamp.resize(WIDTH, 0);
    stamp
}

/// The binary under test without what only debuggers read: hosts keep and send it.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn small_binary() -> PathBuf {
    let binary = muster_binary();
    let built = fs::metadata(&binary).and_then(|file| file.modified()).ok();
    let built = built
        .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
        .unwrap_or_default();
    let small = workspace().join(format!("target/e2e/muster-{}", built.as_nanos()));
    if !small.exists() {
        fs::create_dir_all(workspace().join("target/e2e")).expect("it can be made");
        let fresh = beside(&small);
        let strip = Command::new("strip")
            .arg("-o")
            .arg(&fresh)
            .arg(&binary)
            .status();
        assert!(strip.expect("strip is there").success());
        fs::rename(&fresh, &small).expect("it is in the same folder");
    }
    small
}

/// The binary under test, as that version.
///
/// # Panics
/// If it has not just one stamp.
#[must_use]
pub fn release(version: &str) -> Vec<u8> {
    let mut bytes = fs::read(small_binary()).expect("it can be read");
    let places: Vec<_> = (0..bytes.len() - WIDTH)
        .filter(|place| bytes[*place..].starts_with(MARK))
        .collect();
    assert_eq!(places.len(), 1, "a program has one stamp");
    bytes[places[0]..places[0] + WIDTH].copy_from_slice(&stamp(version));
    bytes
}

/// A program with the stamp of that version that does what `main` says, in Rust.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn program(name: &str, version: &str, main: &str) -> Vec<u8> {
    let folder = workspace().join("target/e2e");
    fs::create_dir_all(&folder).expect("it can be made");
    let path = beside(&folder.join(name));
    let source = path.with_extension("rs");
    fs::write(&source, format!("fn main() {{ {main} }}")).expect("it can be written");
    let rustc = Command::new("rustc")
        .arg("-o")
        .arg(&path)
        .arg(&source)
        .status();
    assert!(rustc.expect("rustc is there").success());
    let program = fs::read(&path).expect("it was made");
    let _ = (fs::remove_file(&path), fs::remove_file(&source));
    [program, stamp(version)].concat()
}

/// A name that only this process takes.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{}_{}", name.replace('-', "_"), std::process::id()))
}
