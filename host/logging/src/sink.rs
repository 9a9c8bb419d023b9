//! One place behind the queue.

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use muster_api::logging::LogTarget;
use tracing::Level;

use crate::{file::RotatingFile, syslog::Syslog};

/// How long a place is left alone after it has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What kind of place it is, which decides the look of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Syslog,
}

/// One place behind the queue, and how it is doing.
#[derive(Debug)]
pub(crate) struct Sink {
    name: String,
    place: Place,
    /// When it failed last, and how many lines it has lost since it did not
    /// fail.
    failed: Option<(Instant, u64)>,
}

#[derive(Debug)]
enum Place {
    File(RotatingFile),
    Syslog(Syslog),
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is where it should be.
    Yes,
    /// So it is, after so many were lost.
    After(u64),
    /// It is lost, as those before it.
    No,
    /// It is lost, the first one.
    NoLonger(String),
}

impl Sink {
    /// Opens a place; `None` for standard error, which has no queue.
    pub(crate) fn open(target: &LogTarget, folder: &Path) -> io::Result<Option<Self>> {
        let sink = Self::open_later(target, folder)?;
        Ok(match sink {
            Some(mut sink) => {
                if let Place::Syslog(syslog) = &mut sink.place {
                    syslog.connect()?;
                }
                Some(sink)
            }
            None => None,
        })
    }

    /// Opens a file; connects to a syslog server when there is a line for it.
    pub(crate) fn open_later(target: &LogTarget, folder: &Path) -> io::Result<Option<Self>> {
        let place = match target {
            LogTarget::Stderr {} => return Ok(None),
            LogTarget::File(file) => Place::File(RotatingFile::open(file, folder)?),
            LogTarget::Syslog(syslog) => Place::Syslog(Syslog::new(syslog.address.clone())),
        };
        Ok(Some(Self {
            name: target.to_string(),
            place,
            failed: None,
        }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.place {
            Place::File(_) => Kind::File,
            Place::Syslog(_) => Kind::Syslog,
        }
    }

    /// Writes a line, which ends with a line feed.
    pub(crate) fn write(&mut self, level: Level, line: &[u8]) -> Written {
        if let Some((at, lost)) = &mut self.failed
            && at.elapsed() < PAUSE
        {
            *lost += 1;
            return Written::No;
        }
        let written = match &mut self.place {
            Place::File(file) => file.write(line),
            Place::Syslog(syslog) => syslog.write(level, line),
        };
        match (written, self.failed.take()) {
            (Ok(()), None) => Written::Yes,
            (Ok(()), Some((_, lost))) => Written::After(lost),
            (Err(error), None) => {
                self.failed = Some((Instant::now(), 1));
                Written::NoLonger(error.to_string())
            }
            (Err(_), Some((_, lost))) => {
                self.failed = Some((Instant::now(), lost + 1));
                Written::No
            }
        }
    }
}
