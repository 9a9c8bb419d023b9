//! Events become lines, in the format of the moment, for the places that are in
//! use at the moment.

use std::{
    fmt,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use muster_api::logging::{LogFormat, LogTarget, Logging};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{self, Format, Full, Json, Writer},
    },
    registry::LookupSpan,
};

use crate::{sink::Kind, worker::Worker};

/// Where lines of one look go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At once to standard error.
    Stderr,
    /// To files, through the queue.
    File,
    /// To syslog, through the queue: without time and level, which its own
    /// header has.
    Syslog,
}

/// What all lines have in common.
#[derive(Debug)]
pub(crate) struct Output {
    json: AtomicBool,
    to_stderr: AtomicBool,
    to_file: AtomicBool,
    to_syslog: AtomicBool,
    pub(crate) worker: Worker,
}

impl Output {
    pub(crate) fn new(logging: &Logging, worker: Worker) -> Self {
        let output = Self {
            json: AtomicBool::new(false),
            to_stderr: AtomicBool::new(false),
            to_file: AtomicBool::new(false),
            to_syslog: AtomicBool::new(false),
            worker,
        };
        output.change(logging);
        output
    }

    /// Formats for these places from now on.
    pub(crate) fn change(&self, logging: &Logging) {
        let goes = |to: fn(&LogTarget) -> bool| logging.to.iter().any(to);
        let set = |flag: &AtomicBool, on| flag.store(on, Ordering::Relaxed);
        set(&self.json, logging.format == LogFormat::Json);
        set(
            &self.to_stderr,
            goes(|to| matches!(to, LogTarget::Stderr {})),
        );
        set(&self.to_file, goes(|to| matches!(to, LogTarget::File(_))));
        set(
            &self.to_syslog,
            goes(|to| matches!(to, LogTarget::Syslog(_))),
        );
    }

    fn is_used(&self, place: Place) -> bool {
        let flag = match place {
            Place::Stderr => &self.to_stderr,
            Place::File => &self.to_file,
            Place::Syslog => &self.to_syslog,
        };
        flag.load(Ordering::Relaxed)
    }
}

/// Makes lines for one place.
#[derive(Clone)]
pub(crate) struct Lines {
    place: Place,
    output: Arc<Output>,
    text: Format<Full>,
    bare: Format<Full, ()>,
    json: Format<Json>,
}

impl Lines {
    pub(crate) fn new(place: Place, output: Arc<Output>) -> Self {
        Self {
            place,
            output,
            text: format::format(),
            bare: format::format().without_time().with_level(false),
            json: format::format()
                .json()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if !self.output.is_used(self.place) {
            return Ok(());
        }
        if self.output.json.load(Ordering::Relaxed) {
            self.json.format_event(context, writer, event)
        } else if self.place == Place::Syslog {
            self.bare.format_event(context, writer, event)
        } else {
            self.text.format_event(context, writer, event)
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter {
            lines: self,
            level: Level::INFO,
        }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> LineWriter<'a> {
        LineWriter {
            lines: self,
            level: *about.level(),
        }
    }
}

/// Takes one line.
pub(crate) struct LineWriter<'a> {
    lines: &'a Lines,
    level: Level,
}

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let kind = match self.lines.place {
            Place::Stderr => return io::stderr().write(line),
            Place::File => Kind::File,
            Place::Syslog => Kind::Syslog,
        };
        self.lines.output.worker.write(kind, self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
