//! Until when a connection's current response must be through.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// One connection's deadline, if a response is on its way. hyper asks a body
/// for more only while the client reads, so the body cannot watch the clock.
#[derive(Clone, Default)]
pub(crate) struct Deadline(Rc<Cell<Option<Instant>>>);

impl Deadline {
    pub(crate) fn set(&self, when: Option<Instant>) {
        self.0.set(when);
    }

    /// Resolves when the deadline has passed. Looks anew at every poll, as it
    /// is set and cleared on the same task.
    pub(crate) fn passed(&self) -> Passed {
        Passed {
            deadline: self.clone(),
            alarm: None,
        }
    }
}

pub(crate) struct Passed {
    deadline: Deadline,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Future for Passed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(when) = self.deadline.0.get() else {
            self.alarm = None;
            return Poll::Pending;
        };
        let alarm = match &mut self.alarm {
            Some(alarm) if alarm.deadline() == when => alarm,
            alarm => alarm.insert(Box::pin(sleep_until(when))),
        };
        alarm.as_mut().poll(cx)
    }
}
