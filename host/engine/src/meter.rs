//! What one request has used, and which limit stopped it.

use std::{
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// The limit that a request went over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exceeded {
    Memory = 1,
    Cpu = 2,
    RequestBody = 3,
}

/// Shared by the store, which runs on the request's task, the limiter inside
/// it and the task itself. Only that task writes; atomics make it `Sync`.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// CPU time of polls that are over, in nanoseconds.
    used: AtomicU64,
    /// This thread's CPU clock when the current poll began, in nanoseconds.
    began: AtomicU64,
    exceeded: AtomicU8,
}

impl Meter {
    /// A poll of the guest begins on this thread.
    pub(crate) fn resume(&self) {
        self.began.store(thread_cpu(), Ordering::Relaxed);
    }

    /// The poll is over.
    pub(crate) fn pause(&self) {
        let slice = thread_cpu().saturating_sub(self.began.load(Ordering::Relaxed));
        self.used.fetch_add(slice, Ordering::Relaxed);
    }

    /// CPU time up to the last pause.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(self.used.load(Ordering::Relaxed))
    }

    /// CPU time up to now, during a poll.
    pub(crate) fn using(&self) -> Duration {
        let slice = thread_cpu().saturating_sub(self.began.load(Ordering::Relaxed));
        self.used() + Duration::from_nanos(slice)
    }

    /// Notes that a limit stopped the request. The first one counts.
    pub(crate) fn exceed(&self, limit: Exceeded) {
        let _ =
            self.exceeded
                .compare_exchange(0, limit as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The limit that stopped the request, if one did.
    pub(crate) fn exceeded(&self) -> Option<Exceeded> {
        match self.exceeded.load(Ordering::Relaxed) {
            1 => Some(Exceeded::Memory),
            2 => Some(Exceeded::Cpu),
            3 => Some(Exceeded::RequestBody),
            _ => None,
        }
    }
}

/// This thread's CPU time in nanoseconds.
fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanos = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(nanos).unwrap_or(0)
}
