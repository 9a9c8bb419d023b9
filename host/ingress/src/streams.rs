//! HTTP/2 of another host: each request in a task of its own.

use std::{cell::Cell, convert::Infallible, error::Error, net::SocketAddr, rc::Rc};

use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, rt::Executor, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::{
    connection::{CONNECTION_WINDOW, FRAME, STREAM_WINDOW},
    deadline::Deadline,
    listener::MAX_HEAD,
};

/// How many requests may be on their way over one connection.
const STREAMS: u32 = 1000;

/// Serves one connection until it ends.
pub(crate) async fn serve<F, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: SocketAddr,
    stop: CancellationToken,
    answer: impl Fn(Request<Incoming>, Deadline) -> F,
) where
    F: Future<Output = Response<B>> + 'static,
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let tasks = Tasks::default();
    let service = service_fn(|request| {
        let deadline = Deadline::default();
        tasks.latest.set(Some(deadline.clone()));
        let answered = answer(request, deadline);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = http2::Builder::new(tasks.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        // Clients of the other host may break off all at once.
        .max_pending_accept_reset_streams(usize::try_from(STREAMS).ok())
        .max_local_error_reset_streams(None)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    let served = loop {
        tokio::select! {
            biased;
            served = connection.as_mut() => break served,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "a peer's connection ended early");
    }
}

/// Runs each request's work on the worker that has the connection, until its
/// deadline: whoever no longer reads would hold the app's instance.
#[derive(Clone, Default)]
struct Tasks {
    /// That of the request whose task is the next to be run: a request is given to
    /// the service first, and its work to be run right after that.
    latest: Rc<Cell<Option<Deadline>>>,
}

impl<F: Future + 'static> Executor<F> for Tasks {
    fn execute(&self, work: F) {
        let deadline = self.latest.take().unwrap_or_default();
        tokio::task::spawn_local(async move {
            tokio::select! {
                biased;
                _ = work => {}
                () = deadline.passed() => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
    use tokio::{
        task::{LocalSet, spawn_local},
        time::{Instant, sleep},
    };

    use super::*;
    use crate::{connection::Connection, lingering::Lingering};

    const LIMIT: Duration = Duration::from_millis(50);

    /// Answers without end below `/endless`, and in a word elsewhere.
    async fn answer(
        request: Request<Incoming>,
        deadline: Deadline,
    ) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        if request.uri().path() == "/endless" {
            deadline.set(Some(Instant::now() + LIMIT));
            let piece = || Ok(Frame::data(Bytes::from_static(&[0; 4096])));
            let pieces = futures::stream::repeat_with(piece);
            return Response::new(StreamBody::new(pieces).boxed_unsync());
        }
        Response::new(Full::new(Bytes::from_static(b"well")).boxed_unsync())
    }

    async fn ask(connection: &Connection, path: &str) -> hyper::Result<Response<Incoming>> {
        let mut request = Request::new(Lingering::empty());
        *request.uri_mut() = path.parse().unwrap();
        let mut connection = connection.share().expect("many may share it");
        let asked = connection.send(request).await;
        asked.map_err(|error| error.into_error())
    }

    async fn is_well(connection: &Connection) {
        let answer = ask(connection, "/").await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "well");
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_ends_and_the_others_go_on() {
        let test = async {
            let (here, there) = tokio::io::duplex(64 << 10);
            let (address, stop) = (([127, 0, 0, 1], 9).into(), CancellationToken::new());
            let served = spawn_local(serve(there, address, stop.clone(), answer));
            let connection = Connection::shared(here).await.unwrap();
            let endless = ask(&connection, "/endless").await.unwrap();
            is_well(&connection).await;
            sleep(2 * LIMIT).await;
            let read = endless.into_body().collect().await;
            assert!(read.is_err(), "it was broken off");
            is_well(&connection).await;
            stop.cancel();
            served.await.unwrap();
            assert!(ask(&connection, "/").await.is_err());
        };
        LocalSet::new().run_until(test).await;
    }
}
