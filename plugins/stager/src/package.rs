//! Access to the files of a package.

use muster_sdk::stager::{Package, PackageEntry as Entry, PackageError as Error};

use crate::reject::Reason;

/// How much is read at once, in bytes.
const CHUNK: u32 = 1 << 20;

/// Up to `length` bytes from the beginning of a file.
///
/// # Errors
/// [`Reason::Unreadable`].
pub fn head(package: &dyn Package, path: &str, length: u32) -> Result<Vec<u8>, Reason> {
    package
        .read(path, 0, length)
        .map_err(|error| unreadable(path, &error))
}

/// A whole file.
///
/// # Errors
/// [`Reason::Unreadable`].
pub fn whole(package: &dyn Package, entry: &Entry) -> Result<Vec<u8>, Reason> {
    let mut bytes = Vec::with_capacity(usize::try_from(entry.size).unwrap_or_default());
    loop {
        let chunk = package
            .read(&entry.path, bytes.len() as u64, CHUNK)
            .map_err(|error| unreadable(&entry.path, &error))?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 >= entry.size {
            return Ok(bytes);
        }
        if chunk.is_empty() {
            let why = format!("it ends after {} of {} bytes", bytes.len(), entry.size);
            return Err(Reason::Unreadable {
                path: entry.path.clone(),
                why,
            });
        }
    }
}

fn unreadable(path: &str, error: &Error) -> Reason {
    let why = match error {
        Error::AccessDenied(why) => format!("access was denied: {why}"),
        Error::NotFound(why) => format!("there is no such file: {why}"),
        Error::Unavailable(why) | Error::Other(why) => why.clone(),
    };
    Reason::Unreadable {
        path: path.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use muster_sdk::testing::Package as Files;

    use super::*;

    #[test]
    fn files_larger_than_a_chunk_are_read_whole() {
        let big: Vec<u8> = (0..3 * CHUNK + 17).map(|byte| byte as u8).collect();
        let files = Files::of(&[("big", &big), ("empty", b"")]);
        let [big_entry, empty] = &files.entries()[..] else {
            panic!("two files")
        };
        assert_eq!(whole(&files, big_entry), Ok(big));
        assert_eq!(whole(&files, empty), Ok(vec![]));
    }

    #[test]
    fn a_file_that_ends_early_is_an_error() {
        let files = Files::of(&[("short", b"abc")]);
        let mut entry = files.entries().remove(0);
        entry.size = 4;
        assert!(matches!(
            whole(&files, &entry),
            Err(Reason::Unreadable { .. })
        ));
    }
}
