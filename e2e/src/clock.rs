//! A clock that can be set while a host goes by it. It is the time of day alone:
//! as on a real machine, nobody can set the time that has passed since its start.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;

use crate::servers::installed;

/// The time of day as one host sees it.
pub struct Clock {
    folder: TempDir,
}

impl Clock {
    /// A clock that is right.
    ///
    /// # Panics
    /// If what fakes time was not installed.
    #[must_use]
    pub fn right() -> Self {
        let clock = Self {
            folder: TempDir::new().expect("a temporary directory"),
        };
        clock.set("+0");
        clock
    }

    /// The environment of a process that goes by this clock.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let library = installed("libfaketime.so");
        let file = self.folder.path().join("time");
        let path = |path: &Path| path.to_string_lossy().into_owned();
        [
            ("LD_PRELOAD", path(&library)),
            ("FAKETIME_TIMESTAMP_FILE", path(&file)),
            // It is read each time, so that the clock jumps when it is set.
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            // Files keep the time at which they were written.
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// It jumps so far ahead of the right time.
    pub fn ahead(&self, by: Duration) {
        self.set(&format!("+{}", by.as_secs()));
    }

    /// It jumps so far behind the right time.
    pub fn behind(&self, by: Duration) {
        self.set(&format!("-{}", by.as_secs()));
    }

    /// It is put right.
    pub fn put_right(&self) {
        self.set("+0");
    }

    /// Nobody may see half of it.
    fn set(&self, offset: &str) {
        let fresh = self.folder.path().join("fresh");
        fs::write(&fresh, offset).expect("a file");
        let file = self.folder.path().join("time");
        fs::rename(&fresh, &file).expect("it is in the same folder");
    }
}
