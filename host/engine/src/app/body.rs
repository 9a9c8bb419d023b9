//! Bodies on their way in and out, cut off where a limit says so.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use muster_api::settings::Limits;
use tokio::runtime::Handle;
use wasmtime_wasi_http::{Error, WasiBody};

use super::{
    guest::{Guest, verdict},
    refusal::Refusal,
};
use crate::meter::{Exceeded, Meter};

/// A request's body, up to the limit.
pub(crate) struct LimitedBody<B> {
    pub(crate) body: B,
    pub(crate) left: u64,
    pub(crate) meter: Arc<Meter>,
}

impl<B> Body for LimitedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                match self.left.checked_sub(length) {
                    Some(left) => {
                        self.left = left;
                        Some(Ok(frame))
                    }
                    None => {
                        self.meter.exceed(Exceeded::RequestBody);
                        Some(Err(Error::HttpRequestBodySize(None)))
                    }
                }
            }
            Some(Err(error)) => Some(Err(error.into())),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body. Polling it also drives the guest that writes it, on the
/// task of the connection that it goes to.
pub struct AppBody {
    body: WasiBody,
    guest: Option<Guest>,
    /// Outlives the guest, which may end before its body does.
    meter: Arc<Meter>,
    limits: Limits,
    left: u64,
    /// What must pass until the client has it all, where that is known.
    announced: Option<u64>,
}

impl AppBody {
    /// `head` says that only the head is sent.
    pub(crate) fn new(
        body: WasiBody,
        guest: Option<Guest>,
        meter: Arc<Meter>,
        limits: &Limits,
        head: bool,
    ) -> Self {
        let announced = if head {
            Some(0)
        } else {
            body.size_hint().exact()
        };
        Self {
            body,
            guest,
            meter,
            left: limits.response_body.0,
            limits: limits.clone(),
            announced,
        }
    }

    /// The end of the body. What the guest still does goes on without the
    /// client, within its limits.
    fn finish(&mut self) {
        if let (Some(mut guest), Ok(runtime)) = (self.guest.take(), Handle::try_current()) {
            runtime.spawn(async move {
                if let Err(refusal) = (&mut guest).await {
                    guest.note(&format!("{refusal}, after its response"));
                }
            });
        }
    }
}

/// Once it has all that was announced, hyper does not ask for the end.
impl Drop for AppBody {
    fn drop(&mut self) {
        let sent = self.limits.response_body.0 - self.left;
        if self.announced == Some(sent) {
            self.finish();
        }
    }
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        if let Some(guest) = &mut self.guest
            && let Poll::Ready(ended) = Pin::new(guest).poll(cx)
        {
            self.guest = None;
            if let Err(refusal) = ended {
                return Poll::Ready(Some(Err(refusal)));
            }
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                match self.left.checked_sub(length) {
                    Some(left) => {
                        self.left = left;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => {
                        self.guest = None;
                        Poll::Ready(Some(Err(Refusal::ResponseBody {
                            limit: self.limits.response_body.0,
                        })))
                    }
                }
            }
            Some(Err(error)) => {
                let refusal = Refusal::NoResponse(format!("the body broke off: {error}"));
                let refusal = verdict(&self.meter, &self.limits, refusal);
                Poll::Ready(Some(Err(refusal)))
            }
            None => {
                self.finish();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.guest.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
