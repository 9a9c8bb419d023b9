//! Takes in what is left of a request's body when its answer needs no more of
//! it. A client that still sends does not listen: closed in its face, the
//! connection would be reset, and the answer with it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    middleware::Next,
    response::Response,
};
use futures::StreamExt;
use http_body::{Frame, SizeHint};
use tokio::runtime::Handle;

/// The most that is taken in, in bytes; more than any body that is allowed.
const MOST: usize = 128 << 20;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has the bodies of all requests taken in to their end.
pub(super) async fn to_the_end(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::new(Lingering(Some(body)))))
        .await
}

/// A body whose rest is taken in when it is dropped.
struct Lingering(Option<Body>);

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.0.as_ref().map(HttpBody::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(tokio::time::timeout(PATIENCE, take_in(body)));
        }
    }
}

async fn take_in(body: Body) {
    let mut rest = body.into_data_stream();
    let mut taken = 0;
    while let Some(Ok(bytes)) = rest.next().await {
        taken += bytes.len();
        if taken > MOST {
            return;
        }
    }
}
