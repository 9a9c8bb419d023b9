//! The host's own last lines, in memory, for whoever asks the host for them.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use muster_api::{logging::LogLevel, platform_log::PlatformLine};
use time::OffsetDateTime;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::ring::{Bounds, Ring};

/// How many bytes of lines are kept at most.
const KEPT_BYTES: usize = 8 << 20;
/// How many bytes of text one line has at most; the rest is cut off.
const LINE: usize = 16 << 10;
/// How many of them are the message's at most, so that what it names has room.
const MESSAGE: usize = LINE / 2;
/// What a field takes beside its text, about.
const FIELD: usize = 64;

/// The last lines of this host. Clones share them.
#[derive(Debug, Clone)]
pub struct Recent {
    ring: Arc<Ring<Arc<PlatformLine>>>,
    sequence: Arc<AtomicU64>,
}

/// Numbers begin at the microseconds of the clock, so that they grow over
/// restarts: whoever follows goes on where it was.
impl Default for Recent {
    fn default() -> Self {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let bounds = Bounds {
            lines: usize::MAX,
            bytes: KEPT_BYTES,
        };
        Self {
            ring: Arc::new(Ring::new(bounds)),
            sequence: Arc::new(AtomicU64::new(
                u64::try_from(now.as_micros()).unwrap_or_default(),
            )),
        }
    }
}

impl Recent {
    /// All lines that are kept, oldest first, without the host's name.
    #[must_use]
    pub fn tail(&self) -> Vec<PlatformLine> {
        // What is shared is counted under the lock, and copied without it.
        let kept = self.ring.tail(usize::MAX, shared);
        kept.into_iter().map(numbered).collect()
    }

    /// The lines after that number; waits until there are any. `None` never
    /// comes as long as the process runs.
    pub async fn after(&self, sequence: u64) -> Option<Vec<PlatformLine>> {
        let new = self.ring.after(sequence, shared).await?;
        Some(new.into_iter().map(numbered).collect())
    }

    fn push(&self, line: PlatformLine) {
        let fields = line.fields.iter();
        let fields: usize = fields
            .map(|(name, value)| FIELD + name.len() + value.len())
            .sum();
        let text = line.message.len() + line.target.len();
        let role = line.role.as_ref().map_or(0, String::len);
        let bytes = size_of::<PlatformLine>() + text + role + fields;
        let next = || self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        self.ring.push(Arc::new(line), bytes, next);
    }
}

fn shared(number: u64, line: &Arc<PlatformLine>) -> (u64, Arc<PlatformLine>) {
    (number, Arc::clone(line))
}

fn numbered((sequence, line): (u64, Arc<PlatformLine>)) -> PlatformLine {
    PlatformLine {
        sequence,
        ..(*line).clone()
    }
}

/// Keeps each event. What is written is what the other places are given, so that
/// nothing is told here that is masked there.
impl<S: Subscriber> Layer<S> for Recent {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let mut text = Text {
            left: LINE,
            ..Text::default()
        };
        event.record(&mut text);
        self.push(PlatformLine {
            sequence: 0,
            time: OffsetDateTime::now_utc(),
            host: String::new(),
            level: level(*about.level()),
            target: about.target().to_owned(),
            role: text.role,
            message: text.message,
            fields: text.fields,
        });
    }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// What an event says.
#[derive(Default)]
struct Text {
    message: String,
    role: Option<String>,
    fields: BTreeMap<String, String>,
    left: usize,
}

impl Text {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let room = match field.name() {
            "message" => self.left.min(MESSAGE),
            _ => self.left,
        };
        let mut short = Short {
            text: String::new(),
            left: room,
            cut: false,
        };
        // What is too long is an error to the writer, and cut off.
        let _ = short.write_fmt(value);
        self.left -= room - short.left;
        if short.cut {
            short.text.push('…');
        }
        match field.name() {
            "message" => self.message = short.text,
            "role" => self.role = Some(short.text),
            name => {
                self.left = self.left.saturating_sub(name.len());
                self.fields.insert(name.to_owned(), short.text);
            }
        }
    }
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

/// Takes text as long as there is room.
struct Short {
    text: String,
    left: usize,
    cut: bool,
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = text.floor_char_boundary(self.left);
        self.text.push_str(&text[..room]);
        self.left -= room;
        self.cut = room < text.len();
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::{Registry, layer::SubscriberExt};

    use super::*;

    #[test]
    fn an_event_keeps_its_level_its_role_and_what_it_names() {
        let recent = Recent::default();
        with_default(Registry::default().with(recent.clone()), || {
            tracing::warn!(target: "muster::plugin", role = "router", app = %"shop", count = 3, "slow: {}", 7);
            tracing::info!("next");
        });
        let kept = recent.tail();
        assert_eq!(kept.len(), 2);
        let first = &kept[0];
        assert_eq!(first.level, LogLevel::Warn);
        assert_eq!(first.target, "muster::plugin");
        assert_eq!(first.role.as_deref(), Some("router"));
        assert_eq!(first.message, "slow: 7");
        let fields: Vec<_> = first.fields.iter().collect();
        let (app, shop) = ("app".to_owned(), "shop".to_owned());
        let (count, three) = ("count".to_owned(), "3".to_owned());
        assert_eq!(fields, [(&app, &shop), (&count, &three)]);
        assert_eq!(kept[1].sequence, first.sequence + 1);
        assert_eq!(kept[1].role, None);
    }

    #[test]
    fn memory_is_bounded_whatever_is_written() {
        let recent = Recent::default();
        with_default(Registry::default().with(recent.clone()), || {
            let long = "ü".repeat(100_000);
            for number in 0..1_000 {
                tracing::info!(number, long, "{long}");
            }
        });
        let kept = recent.tail();
        let text = |line: &PlatformLine| {
            line.message.len() + line.fields.values().map(String::len).sum::<usize>()
        };
        assert!(kept.iter().all(|line| text(line) <= LINE + 16));
        let all: usize = kept.iter().map(text).sum();
        assert!(all <= KEPT_BYTES && all > KEPT_BYTES / 2, "{all}");
        assert_eq!(kept.last().unwrap().fields["number"], "999");
        assert!(kept.last().unwrap().message.ends_with('…'));
    }
}
