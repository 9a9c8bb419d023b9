//! What became of each request.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant, SystemTime},
};

use bytes::{Buf, Bytes};
use http::Method;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use muster_engine::{AppBody, Refusal};

use crate::{backends::Backend, deadline::Deadline};

/// One request of an app, when its last byte is sent or it broke off.
#[derive(Debug)]
pub struct Access {
    /// When it began.
    pub began: SystemTime,
    /// The app's id.
    pub app_id: Arc<str>,
    /// The app's name.
    pub app: Arc<str>,
    /// Index and release of the instance; none if none took it.
    pub instance: Option<Arc<str>>,
    /// The request's id.
    pub request: Arc<str>,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The status that the client got.
    pub status: u16,
    /// Bytes of the response's body that were sent.
    pub bytes: u64,
    /// From the first byte of the request to the last of the response.
    pub took: Duration,
    /// The limit or failure that ended it.
    pub refusal: Option<Refusal>,
}

/// Takes them.
pub type AccessSink = Arc<dyn Fn(Access) + Send + Sync>;

/// A record being written: handed on when dropped.
pub(crate) struct Recorder {
    pub(crate) access: Option<Access>,
    pub(crate) started: Instant,
    pub(crate) backend: Arc<Backend>,
    pub(crate) sink: AccessSink,
    pub(crate) deadline: Deadline,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.deadline.set(None);
        if let Some(mut access) = self.access.take() {
            access.took = self.started.elapsed();
            let class = usize::from(access.status / 100).min(5);
            self.backend.meters.statuses[class].increment(1);
            self.backend
                .meters
                .seconds
                .record(access.took.as_secs_f64());
            (self.sink)(access);
        }
    }
}

/// An app's body that counts what passes.
pub(crate) struct RecordedBody {
    pub(crate) body: Delivered,
    pub(crate) recorder: Recorder,
}

/// An app's body, from an instance here or from another host.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what every request of an instance here gets"
)]
pub(crate) enum Delivered {
    Here(AppBody),
    There(Incoming),
}

impl Delivered {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        match self {
            Self::Here(body) => Pin::new(body).poll_frame(cx),
            Self::There(body) => Pin::new(body).poll_frame(cx).map(|frame| {
                let broken = |error: hyper::Error| Refusal::NoResponse(error.to_string());
                frame.map(|frame| frame.map_err(broken))
            }),
        }
    }
}

impl Body for RecordedBody {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        let frame = ready!(self.body.poll(cx));
        if let Some(access) = &mut self.recorder.access {
            match &frame {
                Some(Ok(frame)) => {
                    access.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
                }
                Some(Err(refusal)) => access.refusal = Some(refusal.clone()),
                None => {}
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Delivered::Here(body) => body.is_end_stream(),
            Delivered::There(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Delivered::Here(body) => body.size_hint(),
            Delivered::There(body) => body.size_hint(),
        }
    }
}
