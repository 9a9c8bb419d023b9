//! What is particular to blocks in local files. Everything else goes through
//! [`ObjectStore`](object_store::ObjectStore), which other kinds of stores
//! implement as well.

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::SystemTime,
};

use muster_api::blocks::Digest;
use object_store::local::LocalFileSystem;

use crate::error::BlocksError;

/// Opens the directory, and makes it if there is none; only its owner may look
/// inside. Files are synchronised before they get their names and directories
/// after: an acknowledged block survives a loss of power, and half of one never
/// bears a block's name.
pub(crate) fn open(dir: &Path) -> Result<LocalFileSystem, BlocksError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    Ok(LocalFileSystem::new_with_prefix(dir)?.with_fsync(true))
}

/// Makes a file look as if it had just been written, and says how long it is;
/// `None` if there is none.
pub(crate) fn touch(path: &Path) -> Result<Option<u64>, BlocksError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    file.set_modified(SystemTime::now())?;
    Ok(Some(file.metadata()?.len()))
}

/// The blocks in the directory with their lengths and when they were written.
pub(crate) fn blocks(root: &Path) -> Result<Vec<(Digest, u64, SystemTime)>, BlocksError> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                directories.push(path);
                continue;
            }
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| Digest::parse(name).ok());
            let Some(digest) = digest else { continue };
            let name = digest.as_str();
            if path == root.join(&name[..2]).join(&name[2..4]).join(name) {
                let metadata = entry.metadata()?;
                found.push((digest, metadata.len(), metadata.modified()?));
            }
        }
    }
    Ok(found)
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), BlocksError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes what uploads left behind that a crash cut short, and says how many
/// bytes that freed. They are the files `<block>#<number>`, which the object
/// store neither lists nor removes. Only those count that `is_old` says have not
/// been written to for long.
pub(crate) fn sweep(root: &Path, is_old: impl Fn(SystemTime) -> bool) -> Result<u64, BlocksError> {
    let mut freed = 0;
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                directories.push(entry.path());
            } else if kind.is_file() && is_leftover(&entry.file_name()) {
                freed += remove_old(&entry.path(), &is_old)?;
            }
        }
    }
    Ok(freed)
}

fn is_leftover(name: &OsStr) -> bool {
    let parts = name.to_str().and_then(|name| name.split_once('#'));
    parts.is_some_and(|(block, number)| {
        Digest::parse(block).is_ok() && number.parse::<u32>().is_ok()
    })
}

fn remove_old(path: &Path, is_old: impl Fn(SystemTime) -> bool) -> io::Result<u64> {
    let remove = || -> io::Result<u64> {
        let metadata = fs::metadata(path)?;
        if !is_old(metadata.modified()?) {
            return Ok(0);
        }
        fs::remove_file(path)?;
        Ok(metadata.len())
    };
    match remove() {
        // An upload that was not dead after all has just given it its name.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        other => other,
    }
}
