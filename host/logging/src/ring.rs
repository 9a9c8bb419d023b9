//! The last lines of something, in memory, for whoever asks or follows.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

/// How much is kept at most, of whichever there is too much first.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many lines.
    pub lines: usize,
    /// How many bytes.
    pub bytes: usize,
}

/// The last lines. A new one pushes out the oldest that no longer fit.
#[derive(Debug)]
pub struct Ring<T> {
    bounds: Bounds,
    lines: Mutex<Lines<T>>,
}

#[derive(Debug)]
struct Lines<T> {
    /// With their numbers and sizes.
    entries: VecDeque<(u64, usize, T)>,
    bytes: usize,
    /// No more lines will come.
    ended: bool,
    /// Those who wait for a line, by the number of their seat.
    waiting: HashMap<u64, Waker>,
    seats: u64,
}

impl<T> Ring<T> {
    /// An empty one.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            lines: Mutex::new(Lines {
                entries: VecDeque::new(),
                bytes: 0,
                ended: false,
                waiting: HashMap::new(),
                seats: 0,
            }),
        }
    }

    /// Adds a line of about so many bytes. It is numbered under the lock, so that
    /// numbers grow along the log.
    pub fn push(&self, line: T, bytes: usize, number: impl FnOnce() -> u64) {
        self.tell(|lines| {
            lines.bytes += bytes;
            lines.entries.push_back((number(), bytes, line));
            while lines.entries.len() > self.bounds.lines || lines.bytes > self.bounds.bytes {
                let Some((_, oldest, _)) = lines.entries.pop_front() else {
                    break;
                };
                lines.bytes -= oldest;
            }
        });
    }

    /// Says that no more lines will come; those who follow are told.
    pub fn end(&self) {
        self.tell(|lines| lines.ended = true);
    }

    /// Changes something, and wakes those who wait once nothing is locked.
    fn tell(&self, change: impl FnOnce(&mut Lines<T>)) {
        let waiting = {
            let mut lines = self.lock();
            change(&mut lines);
            std::mem::take(&mut lines.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }

    /// The last `count` lines.
    pub fn tail<R>(&self, count: usize, read: impl Fn(u64, &T) -> R) -> Vec<R> {
        let entries = &self.lock().entries;
        let skip = entries.len().saturating_sub(count);
        let last = entries.iter().skip(skip);
        last.map(|(number, _, line)| read(*number, line)).collect()
    }

    /// The lines after that number; waits until there are any. `None` once no
    /// more will come.
    pub async fn after<R>(&self, number: u64, read: impl Fn(u64, &T) -> R) -> Option<Vec<R>> {
        let seat = Seat::take(self);
        poll_fn(|context| {
            let before = {
                let mut lines = self.lock();
                let entries = &lines.entries;
                let first = entries.partition_point(|(known, _, _)| *known <= number);
                let new = entries.iter().skip(first);
                let found: Vec<R> = new.map(|(number, _, line)| read(*number, line)).collect();
                if !found.is_empty() {
                    return Poll::Ready(Some(found));
                }
                if lines.ended {
                    return Poll::Ready(None);
                }
                let waker = context.waker().clone();
                lines.waiting.insert(seat.number, waker)
            };
            // Not while it is locked: a waker may be the last to hold a task.
            drop(before);
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Lines<T>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits, until they have what they waited for or give up.
struct Seat<'a, T> {
    ring: &'a Ring<T>,
    number: u64,
}

impl<'a, T> Seat<'a, T> {
    fn take(ring: &'a Ring<T>) -> Self {
        let mut lines = ring.lock();
        lines.seats += 1;
        let number = lines.seats;
        Self { ring, number }
    }
}

impl<T> Drop for Seat<'_, T> {
    fn drop(&mut self) {
        let waker = self.ring.lock().waiting.remove(&self.number);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Wake},
    };

    use super::*;

    #[test]
    fn what_does_not_fit_goes_oldest_first() {
        let ring = Ring::new(Bounds {
            lines: 3,
            bytes: 100,
        });
        let kept = || ring.tail(usize::MAX, |number, line: &char| (number, *line));
        for (number, line) in (1..).zip("abcd".chars()) {
            ring.push(line, 10, || number);
        }
        assert_eq!(kept(), [(2, 'b'), (3, 'c'), (4, 'd')]);
        ring.push('e', 85, || 5);
        assert_eq!(kept(), [(4, 'd'), (5, 'e')]);
        ring.push('f', 101, || 6);
        assert_eq!(kept(), [], "what is larger than all does not fit either");
        assert_eq!(ring.lock().bytes, 0);
    }
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_and_who_gives_up_is_forgotten() {
        let ring = Ring::new(Bounds {
            lines: 3,
            bytes: 100,
        });
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let number = |number, _: &char| number;
        {
            let mut waiting = pin!(ring.after(0, number));
            for _ in 0..3 {
                assert!(waiting.as_mut().poll(&mut context).is_pending());
            }
            assert_eq!(ring.lock().waiting.len(), 1, "asked again, it waits once");
            ring.push('a', 10, || 1);
            assert_eq!(woken.0.load(Ordering::Relaxed), 1);
            let found = waiting.as_mut().poll(&mut context);
            assert_eq!(found, Poll::Ready(Some(vec![1])));
        }
        {
            let mut waiting = pin!(ring.after(1, number));
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        assert!(ring.lock().waiting.is_empty());
        let mut waiting = pin!(ring.after(1, number));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        ring.end();
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(None));
    }
}
