//! Where a host's log lines go: standard error, rotated files, syslog, or
//! several at once. All of it can be changed while the host runs.
//!
//! Lines for standard error are written at once. All others go through a queue
//! to one thread, so that a slow disk or a syslog server that hangs costs lines,
//! which are counted, and never time. The last lines stay in memory besides, for
//! whoever asks the host for them.

mod file;
mod lines;
mod recent;
mod ring;
mod sink;
mod syslog;
mod worker;

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use muster_api::logging::{LogLevel, LogTarget, Logging};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Registry,
    filter::Targets,
    fmt::{self, format::DefaultFields},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

use self::{
    lines::{Lines, Output, Place},
    sink::Sink,
    worker::Worker,
};
pub use self::{
    recent::Recent,
    ring::{Bounds, Ring},
};

/// What a host begins to log with.
#[derive(Debug, Clone)]
pub struct Start {
    /// What, how, and where to.
    pub logging: Logging,
    /// Whether whoever started the host has said so: then it stands above what
    /// the host was told to keep.
    pub explicit: bool,
    /// The folder of files that are named without one.
    pub folder: PathBuf,
}

/// Why log lines cannot go there.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// One of the places cannot be used.
    #[error("log lines cannot go to {target}: {source}")]
    Target {
        /// Which one, counted from 0.
        index: usize,
        /// The place.
        target: Box<LogTarget>,
        /// What the system said.
        source: io::Error,
    },
    /// Lines of this process go elsewhere already.
    #[error("logging was started before: {0}")]
    Started(String),
}

/// The logging of this process. Clones share it.
#[derive(Debug, Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    start: Start,
    current: Mutex<Logging>,
    filter: reload::Handle<Targets, Registry>,
    output: Arc<Output>,
    recent: Recent,
}

/// Sends the log lines of this process where they shall go from now on. A
/// syslog server that is away is tried again later.
///
/// # Errors
/// If a file cannot be written, or logging was started before.
pub fn start(start: Start) -> Result<Handle, LoggingError> {
    let sinks = open(&start, &start.logging, Sink::open_later)?;
    let (filter, handle) = reload::Layer::new(filter(&start.logging));
    let output = Arc::new(Output::new(&start.logging, Worker::spawn(sinks)));
    let recent = Recent::default();
    tracing_subscriber::registry()
        .with(filter)
        .with(recent.clone())
        .with(lines(Place::Stderr, &output).with_ansi(io::stderr().is_terminal()))
        .with(lines(Place::File, &output).with_ansi(false))
        .with(lines(Place::Syslog, &output).with_ansi(false))
        .try_init()
        .map_err(|error| LoggingError::Started(error.to_string()))?;
    Ok(Handle {
        inner: Arc::new(Inner {
            current: Mutex::new(start.logging.clone()),
            start,
            filter: handle,
            output,
            recent,
        }),
    })
}

impl Handle {
    /// What is logged now, how, and where to.
    #[must_use]
    pub fn current(&self) -> Logging {
        self.lock().clone()
    }

    /// What the process was started with.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.inner.start
    }

    /// How many lines were lost since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.inner.output.worker.lost.load(Ordering::Relaxed)
    }

    /// The last lines, whatever places they went to.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.inner.recent
    }

    /// Logs so from now on. Opens files and connects to syslog servers, which
    /// may take seconds: not for the threads of an async runtime.
    ///
    /// # Errors
    /// If a place cannot be used. Nothing is changed then.
    pub fn apply(&self, logging: &Logging) -> Result<(), LoggingError> {
        let mut current = self.lock();
        let sinks = open(&self.inner.start, logging, Sink::open)?;
        self.inner.output.worker.put(sinks);
        self.inner.output.change(logging);
        self.inner
            .filter
            .reload(filter(logging))
            .map_err(|error| LoggingError::Started(error.to_string()))?;
        *current = logging.clone();
        Ok(())
    }

    /// Waits until all lines so far are written, but not for ever.
    pub fn flush(&self, patience: Duration) {
        self.inner.output.worker.flush(patience);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Logging> {
        let lock = self.inner.current.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(
    start: &Start,
    logging: &Logging,
    open: impl Fn(&LogTarget, &std::path::Path) -> io::Result<Option<Sink>>,
) -> Result<Vec<Sink>, LoggingError> {
    let mut sinks = Vec::new();
    for (index, target) in logging.to.iter().enumerate() {
        let sink = open(target, &start.folder).map_err(|source| LoggingError::Target {
            index,
            target: Box::new(target.clone()),
            source,
        })?;
        sinks.extend(sink);
    }
    Ok(sinks)
}

/// The layer that makes the lines for one place.
fn lines<S>(place: Place, output: &Arc<Output>) -> fmt::Layer<S, DefaultFields, Lines, Lines>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let lines = Lines::new(place, Arc::clone(output));
    fmt::layer().event_format(lines.clone()).with_writer(lines)
}

/// What says three lines about each change of the schema, unless it was asked for by
/// its name.
const TALKATIVE: &str = "sea_orm_migration";

fn filter(logging: &Logging) -> Targets {
    let modules = logging.modules.iter();
    Targets::new()
        .with_default(level(logging.level))
        .with_target(TALKATIVE, level(logging.level).min(LevelFilter::WARN))
        .with_targets(modules.map(|(module, wanted)| (module.clone(), level(*wanted))))
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
