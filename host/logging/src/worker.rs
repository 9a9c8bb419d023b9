//! The thread that writes what must not cost anybody time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing::Level;

use crate::sink::{Kind, Sink, Written};

/// How many lines may wait.
const QUEUE: usize = 8192;
/// How often a full queue is tried again by whoever has more than a line.
const PAUSE: Duration = Duration::from_millis(5);

enum Message {
    Line(Kind, Level, Box<[u8]>),
    Sinks(Vec<Sink>),
    Flush(SyncSender<()>),
}

/// The queue to the thread. The thread ends with the last worker.
#[derive(Debug)]
pub(crate) struct Worker {
    queue: SyncSender<Message>,
    /// How many lines never came to where they should be.
    pub(crate) lost: Arc<AtomicU64>,
}

impl Worker {
    /// Starts the thread. If the system has none to give, all lines are lost.
    pub(crate) fn spawn(sinks: Vec<Sink>) -> Self {
        let (queue, messages) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let started = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || run(&messages, sinks, &counter));
        if let Err(error) = started {
            eprintln!("no thread for logging: {error}");
        }
        Self { queue, lost }
    }

    /// Has a line written; it is lost if too many wait.
    pub(crate) fn write(&self, kind: Kind, level: Level, line: &[u8]) {
        if self
            .queue
            .try_send(Message::Line(kind, level, line.into()))
            .is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has the lines after this written there.
    pub(crate) fn put(&self, sinks: Vec<Sink>) {
        let _ = self.queue.send(Message::Sinks(sinks));
    }

    /// Waits until all lines before this are written, but not for ever.
    pub(crate) fn flush(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let (done, written) = sync_channel(1);
        while self.queue.try_send(Message::Flush(done.clone())).is_err() {
            if Instant::now() > deadline {
                return;
            }
            thread::sleep(PAUSE);
        }
        drop(done);
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

fn run(messages: &Receiver<Message>, mut sinks: Vec<Sink>, lost: &AtomicU64) {
    for message in messages {
        match message {
            Message::Line(kind, level, line) => {
                for sink in sinks.iter_mut().filter(|sink| sink.kind() == kind) {
                    let written = sink.write(level, &line);
                    tell(sink.name(), written, lost);
                }
            }
            Message::Sinks(new) => sinks = new,
            Message::Flush(done) => {
                let _ = done.try_send(());
            }
        }
    }
}

/// Counts what was lost, and says so once when it begins and once when it ends.
/// That goes to all places, by way of the queue.
fn tell(place: &str, written: Written, lost: &AtomicU64) {
    match written {
        Written::Yes => {}
        Written::No => {
            lost.fetch_add(1, Ordering::Relaxed);
        }
        Written::NoLonger(error) => {
            lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!(place, error, "log lines are being lost");
        }
        Written::After(lines) => {
            tracing::warn!(place, lines, "log lines were lost; they are written again");
        }
    }
}
