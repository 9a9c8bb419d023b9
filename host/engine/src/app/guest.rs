//! A guest at work on one request: a future that counts CPU time poll by poll
//! and ends the guest when a limit is reached.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use muster_api::settings::Limits;
use tokio::time::Sleep;
use wasmtime::{PoolConcurrencyLimitError, Trap, UpdateDeadline};

use super::{instance::Pass, refusal::Refusal, state::State};
use crate::{
    meter::{Exceeded, Meter},
    output::{Output, Stream},
};

pub(crate) type GuestFuture = Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send>>;

/// The guest, from instantiation to the end of what it does after its
/// response. Dropping it ends it.
pub(crate) struct Guest {
    future: GuestFuture,
    meter: Arc<Meter>,
    limits: Limits,
    deadline: Instant,
    /// Made when the guest first waits: most never do.
    alarm: Option<Pin<Box<Sleep>>>,
    pass: Pass,
    request: Arc<str>,
    /// Whether a limit has been told to whoever waits for the guest.
    told: bool,
}

impl Guest {
    pub(crate) fn new(
        future: GuestFuture,
        meter: Arc<Meter>,
        limits: Limits,
        pass: Pass,
        request: Arc<str>,
    ) -> Self {
        let deadline = Instant::now() + Duration::from(limits.time);
        Self {
            future,
            meter,
            limits,
            deadline,
            alarm: None,
            pass,
            request,
            told: false,
        }
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the limits have to say, when the guest itself said `otherwise`.
    pub(crate) fn verdict(&mut self, otherwise: Refusal) -> Refusal {
        self.told = true;
        verdict(&self.meter, &self.limits, otherwise)
    }

    /// Tells the app's owner what nobody else is told.
    pub(crate) fn note(&self, what: &str) {
        (self.pass.instance().output)(Output {
            stream: Stream::Err,
            request: &self.request,
            line: &format!("muster: {what}"),
        });
    }

    fn refusal(&mut self, error: &wasmtime::Error) -> Refusal {
        if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
            return Refusal::Full;
        }
        self.verdict(match error.downcast_ref::<Trap>() {
            Some(_) => Refusal::Trap(format!("{error:?}")),
            None => Refusal::NoResponse(format!("{error:#}")),
        })
    }
}

/// A guest that was denied memory and coped has still met its limit, which its
/// owner wants to know.
impl Drop for Guest {
    fn drop(&mut self) {
        if self.meter.exceeded() == Some(Exceeded::Memory) && !self.told {
            let refusal = Refusal::Memory {
                limit: self.limits.memory.0,
            };
            self.note(&format!("{refusal}; the app coped"));
        }
    }
}

impl Future for Guest {
    type Output = Result<(), Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.meter.resume();
        let polled = self.future.as_mut().poll(cx);
        self.meter.pause();
        match polled {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.refusal(&error))),
            Poll::Pending => {
                let late = Refusal::Time {
                    limit_ms: self.limits.time.0,
                };
                // A guest that computes without pause keeps the timer from
                // being driven, so the clock is asked too.
                if Instant::now() >= self.deadline {
                    return Poll::Ready(Err(self.verdict(late)));
                }
                let deadline = self.deadline;
                let alarm = self
                    .alarm
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
                match alarm.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Err(self.verdict(late))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

/// What the limits have to say about a failure that looks like `otherwise`.
pub(crate) fn verdict(meter: &Meter, limits: &Limits, otherwise: Refusal) -> Refusal {
    match meter.exceeded() {
        Some(Exceeded::Memory) => Refusal::Memory {
            limit: limits.memory.0,
        },
        Some(Exceeded::Cpu) => Refusal::Cpu {
            limit_ms: limits.cpu.0,
        },
        Some(Exceeded::RequestBody) => Refusal::RequestBody {
            limit: limits.request_body.0,
        },
        None => otherwise,
    }
}

/// What happens when the guest has computed for an epoch: others get their
/// turn, or the guest ends because its CPU time is used up.
pub(crate) fn on_epoch(meter: &Meter, limit: Duration) -> UpdateDeadline {
    if meter.using() > limit {
        meter.exceed(Exceeded::Cpu);
        UpdateDeadline::Interrupt
    } else {
        UpdateDeadline::Yield(1)
    }
}

/// Arms a store's memory and CPU limits.
pub(crate) fn arm(store: &mut wasmtime::Store<State>, meter: &Arc<Meter>, limits: &Limits) {
    let cpu = Duration::from(limits.cpu);
    let meter = Arc::clone(meter);
    store.limiter(|state| &mut state.limiter);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| Ok(on_epoch(&meter, cpu)));
}
