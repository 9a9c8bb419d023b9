//! A file that is rotated: `host.log` becomes `host.log.1`, that `host.log.2`,
//! and so on.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use muster_api::logging::{FileTarget, Rotation};
use time::{Date, OffsetDateTime};

/// A file for log lines. A line is never split between two files.
#[derive(Debug)]
pub(crate) struct RotatingFile {
    path: PathBuf,
    rotate: Rotation,
    max_size: u64,
    keep: u32,
    open: Option<Open>,
    /// Whether the last line may lack its end, since it could not be written
    /// whole.
    torn: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
    day: Date,
}

impl RotatingFile {
    /// Opens the file to go on at its end; makes it, and the folder, if there
    /// are none. Others than the host's user cannot read it.
    pub(crate) fn open(target: &FileTarget, folder: &Path) -> io::Result<Self> {
        let mut file = Self {
            path: folder.join(&target.path),
            rotate: target.rotate,
            max_size: target.max_size.0,
            keep: target.keep,
            open: None,
            torn: false,
        };
        if !target.is_absolute() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        file.reopen()?;
        Ok(file)
    }

    /// Writes a line. After a failure, the next line tries anew.
    pub(crate) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_due(line.len() as u64) {
            self.turn();
        }
        let torn = self.torn;
        if self.open.is_none() {
            self.reopen()?;
        }
        let Some(open) = &mut self.open else {
            return Err(io::ErrorKind::NotFound.into());
        };
        self.torn = true;
        let begun = if torn {
            open.file.write_all(b"\n")
        } else {
            Ok(())
        };
        if let Err(error) = begun.and_then(|()| open.file.write_all(line)) {
            self.open = None;
            return Err(error);
        }
        self.torn = false;
        open.size += line.len() as u64 + u64::from(torn);
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)?;
        let about = file.metadata()?;
        let size = about.len();
        let day = about
            .modified()
            .ok()
            .filter(|_| size > 0)
            .map_or_else(today, |at| OffsetDateTime::from(at).date());
        self.open = Some(Open { file, size, day });
        Ok(())
    }

    fn is_due(&self, more: u64) -> bool {
        self.open.as_ref().is_some_and(|open| match self.rotate {
            Rotation::Size => open.size > 0 && open.size + more > self.max_size,
            Rotation::Daily => open.size > 0 && open.day < today(),
        })
    }

    /// Gives way to an empty file. If the files cannot be renamed, goes on with
    /// this one and tries again when it would be due anew.
    fn turn(&mut self) {
        for number in (1..self.keep).rev() {
            // The first ones are not there at first.
            let _ = fs::rename(self.numbered(number), self.numbered(number + 1));
        }
        match fs::rename(&self.path, self.numbered(1)) {
            Ok(()) => {
                self.open = None;
                self.torn = false;
            }
            Err(_) => {
                if let Some(open) = &mut self.open {
                    open.size = 0;
                    open.day = today();
                }
            }
        }
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use muster_api::units::ByteSize;
    use tempfile::TempDir;

    use super::*;

    fn target(max_size: u64, keep: u32) -> FileTarget {
        FileTarget {
            max_size: ByteSize(max_size),
            keep,
            ..FileTarget::new("host.log")
        }
    }

    fn content(folder: &TempDir) -> Vec<(String, String)> {
        let mut found: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let text = fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect();
        found.sort();
        found
    }

    fn pairs(found: &[(String, String)]) -> Vec<(&str, &str)> {
        found
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect()
    }

    #[test]
    fn a_full_file_gives_way_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RotatingFile::open(&target(8, 2), folder.path()).unwrap();
        for line in [
            "1\n",
            "22\n",
            "333\n",
            "a line longer than all\n",
            "4\n",
            "5\n",
        ] {
            file.write(line.as_bytes()).unwrap();
        }
        assert_eq!(
            pairs(&content(&folder)),
            [
                ("host.log", "4\n5\n"),
                ("host.log.1", "a line longer than all\n"),
                ("host.log.2", "333\n"),
            ]
        );
    }

    #[test]
    fn it_goes_on_where_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["1\n", "2\n", "3\n"] {
            let mut file = RotatingFile::open(&target(4, 5), folder.path()).unwrap();
            file.write(line.as_bytes()).unwrap();
        }
        assert_eq!(
            pairs(&content(&folder)),
            [("host.log", "3\n"), ("host.log.1", "1\n2\n")]
        );
    }

    #[test]
    fn a_new_day_begins_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let daily = FileTarget {
            rotate: Rotation::Daily,
            ..target(1, 5)
        };
        let mut file = RotatingFile::open(&daily, folder.path()).unwrap();
        file.write(b"old\n").unwrap();
        file.write(b"old as well\n").unwrap();
        let path = folder.path().join("host.log");
        let yesterday = SystemTime::now() - Duration::from_secs(24 * 3600);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(yesterday)
            .unwrap();
        let mut file = RotatingFile::open(&daily, folder.path()).unwrap();
        file.write(b"new\n").unwrap();
        assert_eq!(
            pairs(&content(&folder)),
            [("host.log", "new\n"), ("host.log.1", "old\nold as well\n")]
        );
    }

    #[test]
    fn what_cannot_be_written_stops_nothing() {
        // This device is always full.
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("host.log")).unwrap();
        let mut file = RotatingFile::open(&target(100, 2), folder.path()).unwrap();
        for _ in 0..3 {
            let error = file.write(b"lost\n").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        fs::remove_file(folder.path().join("host.log")).unwrap();
        file.write(b"kept\n").unwrap();
        let text = fs::read_to_string(folder.path().join("host.log")).unwrap();
        assert_eq!(text, "\nkept\n", "a line that was begun is ended");
    }
}
