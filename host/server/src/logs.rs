//! The last log lines of each app, and what became of its requests: in memory, for
//! whoever asks or follows.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use muster_api::logs::{LogLine, LogSource};
use muster_ingress::Access;
use muster_logging::{Bounds, Ring};
use time::OffsetDateTime;

use crate::requests::{Requests, Tally};

/// How much of each app is kept at most.
const BOUNDS: Bounds = Bounds {
    lines: 10_000,
    bytes: 4 << 20,
};

/// The logs of all apps, by the apps' ids: another app of the same name has
/// another log.
pub(crate) struct Logs {
    apps: RwLock<HashMap<Arc<str>, Arc<AppLog>>>,
    sequence: AtomicU64,
}

/// Numbers begin at the microseconds of the clock, so that they grow over
/// restarts: whoever follows a log goes on where it was.
impl Default for Logs {
    fn default() -> Self {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let first = u64::try_from(now.as_micros()).unwrap_or(0);
        Self {
            apps: RwLock::default(),
            sequence: AtomicU64::new(first),
        }
    }
}

/// The log of one app.
pub(crate) struct AppLog {
    lines: Ring<Entry>,
    requests: Requests,
}

impl Default for AppLog {
    fn default() -> Self {
        Self {
            lines: Ring::new(BOUNDS),
            requests: Requests::default(),
        }
    }
}

enum Entry {
    Line {
        time: SystemTime,
        source: LogSource,
        instance: Option<Arc<str>>,
        request: Option<Box<str>>,
        message: Box<str>,
    },
    /// Put into words only when somebody reads it.
    Access(Access),
}

impl Logs {
    /// The log of an app, made on first use.
    pub(crate) fn app(&self, id: &str) -> Arc<AppLog> {
        if let Some(log) = self
            .apps
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
        {
            return Arc::clone(log);
        }
        let mut apps = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(apps.entry(Arc::from(id)).or_default())
    }

    /// Forgets an app's log; those who follow it are told.
    pub(crate) fn forget(&self, id: &str) {
        let log = self
            .apps
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        if let Some(log) = log {
            log.lines.end();
        }
    }

    /// The apps that have a log.
    pub(crate) fn apps(&self) -> Vec<Arc<str>> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.keys().cloned().collect()
    }

    /// Adds a line that a guest wrote.
    pub(crate) fn output(
        &self,
        app: &str,
        source: LogSource,
        instance: &Arc<str>,
        request: &str,
        line: &str,
    ) {
        let request = (!request.is_empty()).then(|| Box::from(request));
        let entry = Entry::Line {
            time: SystemTime::now(),
            source,
            instance: Some(Arc::clone(instance)),
            request,
            message: Box::from(line),
        };
        self.push(app, entry);
    }

    /// Adds what the platform has to say about an app.
    pub(crate) fn platform(&self, app: &str, message: &str) {
        let entry = Entry::Line {
            time: SystemTime::now(),
            source: LogSource::Platform,
            instance: None,
            request: None,
            message: Box::from(message),
        };
        self.push(app, entry);
    }

    /// Adds the record of a request, and a line of its own for the limit or
    /// failure that ended it.
    pub(crate) fn access(&self, access: Access) {
        let (id, app) = (Arc::clone(&access.app_id), Arc::clone(&access.app));
        if let Some(refusal) = &access.refusal {
            let message = format!("{app}: {refusal}");
            tracing::warn!(app = %app, request = %access.request, code = refusal.code(), "a request was refused or failed");
            let entry = Entry::Line {
                time: SystemTime::now(),
                source: LogSource::Platform,
                instance: access.instance.clone(),
                request: Some(Box::from(&*access.request)),
                message: Box::from(message),
            };
            self.push(&id, entry);
        }
        self.app(&id).requests.add(&access);
        self.push(&id, Entry::Access(access));
    }

    fn push(&self, app: &str, entry: Entry) {
        let next = || self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let size = entry.size();
        self.app(app).lines.push(entry, size, next);
    }
}

impl AppLog {
    /// The last `count` lines.
    pub(crate) fn tail(&self, app: &str, count: usize) -> Vec<LogLine> {
        self.lines
            .tail(count, |number, entry| entry.line(number, app))
    }

    /// The lines after one; waits until there are any. `None` once the app is
    /// gone.
    pub(crate) async fn after(&self, app: &str, sequence: u64) -> Option<Vec<LogLine>> {
        let line = |number, entry: &Entry| entry.line(number, app);
        self.lines.after(sequence, line).await
    }

    /// What became of the app's requests, as far as they were routed here.
    pub(crate) fn requests(&self) -> Vec<Tally> {
        self.requests.kept()
    }
}

impl Entry {
    /// About how many bytes it takes.
    fn size(&self) -> usize {
        let text = match self {
            Self::Line { message, .. } => message.len(),
            Self::Access(access) => access.path.len(),
        };
        size_of::<Self>() + text
    }

    fn line(&self, sequence: u64, app: &str) -> LogLine {
        let text = |text: &Arc<str>| text.to_string();
        match self {
            Self::Line {
                time,
                source,
                instance,
                request,
                message,
            } => LogLine {
                sequence,
                time: OffsetDateTime::from(*time),
                source: *source,
                app: app.to_owned(),
                host: None,
                instance: instance.as_ref().map(text),
                request: request.as_ref().map(ToString::to_string),
                message: message.to_string(),
            },
            Self::Access(access) => LogLine {
                sequence,
                time: OffsetDateTime::from(access.began),
                source: LogSource::Access,
                app: app.to_owned(),
                host: None,
                instance: access.instance.as_ref().map(text),
                request: Some(access.request.to_string()),
                message: format!(
                    "{} {} {} {}B {:.1}ms",
                    access.method,
                    access.path,
                    access.status,
                    access.bytes,
                    access.took.as_secs_f64() * 1000.0
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn followers_get_every_line_once_and_old_lines_go() {
        let logs = Logs::default();
        for n in 0..BOUNDS.lines + 5 {
            logs.platform("shop", &n.to_string());
        }
        let log = logs.app("shop");
        assert_eq!(log.tail("shop", usize::MAX).len(), BOUNDS.lines);
        let tail = log.tail("shop", 2);
        assert_eq!(tail[1].message, (BOUNDS.lines + 4).to_string());
        let next = log.after("shop", tail[0].sequence).await.unwrap();
        assert_eq!(next.len(), 1);
        let waiting = log.after("shop", tail[1].sequence);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        logs.platform("shop", "more");
        assert_eq!(waiting.await.unwrap()[0].message, "more");
        logs.forget("shop");
        assert!(log.after("shop", u64::MAX).await.is_none());
    }
}
