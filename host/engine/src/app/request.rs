//! One request through one instance: checks, a fresh store, the guest, and the
//! response's head.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::channel::oneshot;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi::{FsPerms, WasiCtx};
use wasmtime_wasi_http::{
    Error, WasiBody, WasiHttpCtx, WasiHttpView,
    handler::{Prepared, Proxy},
    p2, p3,
};

use super::{
    body::{AppBody, LimitedBody},
    code::Pre,
    guest::{Guest, GuestFuture, arm},
    instance::Instance,
    outbound::Outbound,
    refusal::Refusal,
    state::State,
};
use crate::{
    limiter::MemoryLimiter,
    meter::{Exceeded, Meter},
    output::{LineStream, Stream},
};

/// The most random bytes that a guest gets at once.
const MAX_RANDOM: u64 = 1 << 20;

/// What the host knows about a request besides its head.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Its id, which goes into the log.
    pub id: Arc<str>,
    /// Whether the client's connection is encrypted.
    pub tls: bool,
}

type Head = Result<Response<WasiBody>, wasmtime::Error>;

impl Instance {
    /// Serves one request in a fresh instance of the component. The guest runs
    /// on the caller's task: here until the response's head, then while the
    /// body is read. Dropping future or body ends it.
    ///
    /// # Errors
    /// With the limit that was exceeded, or how the app failed.
    pub async fn serve<B>(
        self: &Arc<Self>,
        request: Request<B>,
        context: &RequestContext,
    ) -> Result<Response<AppBody>, Refusal>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Error>,
    {
        let limits = &self.runtime.limits;
        check_request(&request, limits.request_headers.0, limits.request_body.0)?;
        let only_head = request.method() == Method::HEAD;
        let pass = self.enter()?;
        let meter = Arc::new(Meter::default());
        let store = self.store(&meter, context)?;
        let request = request.map(|body| {
            LimitedBody {
                body,
                left: limits.request_body.0,
                meter: Arc::clone(&meter),
            }
            .boxed_unsync()
        });
        let (answer, head) = oneshot::channel();
        let future: GuestFuture = match &self.code.pre {
            Pre::IncomingHandler(pre) => Box::pin(incoming_handler(
                pre.clone(),
                store,
                request,
                context.tls,
                answer,
            )),
            Pre::Handler(pre) => Box::pin(handler(pre.clone(), store, request, answer)),
        };
        let guest = Guest::new(
            future,
            Arc::clone(&meter),
            limits.clone(),
            pass,
            Arc::clone(&context.id),
        );
        let (head, guest) = AwaitHead {
            guest: Some(guest),
            head,
        }
        .await?;
        check_response(&head, limits.response_headers.0, limits.response_body.0)?;
        Ok(head.map(|body| AppBody::new(body, guest, meter, limits, only_head)))
    }

    fn store(&self, meter: &Arc<Meter>, context: &RequestContext) -> Result<Store<State>, Refusal> {
        let runtime = &self.runtime;
        let mut wasi = WasiCtx::builder();
        wasi.envs(&runtime.env)
            .stdout(LineStream::new(&self.output, &context.id, Stream::Out))
            .stderr(LineStream::new(&self.output, &context.id, Stream::Err))
            .allow_tcp(false)
            .allow_udp(false)
            .max_random_size(MAX_RANDOM);
        if let Some(files) = &runtime.files {
            wasi.preopened_dir(files, "/", FsPerms::ReadOnly)
                .map_err(|error| {
                    Refusal::NoResponse(format!("the app's files cannot be opened: {error:#}"))
                })?;
        }
        let state = State::new(
            wasi.build(),
            WasiHttpCtx::new(),
            Outbound::new(
                Arc::clone(&runtime.outbound),
                Arc::clone(&self.output),
                Arc::clone(&context.id),
            ),
            Arc::clone(&runtime.config),
            MemoryLimiter::new(runtime.limits.memory.0, Arc::clone(meter)),
        );
        let mut store = Store::new(self.code.runs_on(), state);
        arm(&mut store, meter, &runtime.limits);
        Ok(store)
    }
}

/// Runs a `wasi:http/incoming-handler@0.2`.
async fn incoming_handler(
    pre: p2::bindings::ProxyPre<State>,
    mut store: Store<State>,
    request: Request<WasiBody>,
    tls: bool,
    answer: oneshot::Sender<Head>,
) -> wasmtime::Result<()> {
    use p2::bindings::http::types::Scheme;
    let proxy = pre.instantiate_async(&mut store).await?;
    let scheme = if tls { Scheme::Https } else { Scheme::Http };
    let request = store
        .data_mut()
        .http()
        .new_incoming_request(scheme, request)?;
    let out = store
        .data_mut()
        .http()
        .new_response_outparam_from_callback(move |head| {
            let _ = answer.send(head.map_err(Into::into));
        })?;
    proxy
        .wasi_http_incoming_handler()
        .call_handle(&mut store, request, out)
        .await
}

/// Runs a `wasi:http/handler@0.3`.
async fn handler(
    pre: p3::bindings::ServicePre<State>,
    mut store: Store<State>,
    request: Request<WasiBody>,
    answer: oneshot::Sender<Head>,
) -> wasmtime::Result<()> {
    let proxy = Proxy::P3(pre.instantiate_async(&mut store).await?);
    store
        .run_concurrent(async |accessor| {
            let prepared = accessor.with(|mut store| {
                Prepared::new(store.as_context_mut(), &proxy, request, State::http, answer)
            })?;
            prepared.run(accessor, std::future::pending()).await?;
            // The response's body is written by tasks of the guest that outlive
            // the call.
            std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
            Ok(())
        })
        .await?
}

/// Drives the guest until it has set a response's head or has ended.
struct AwaitHead {
    guest: Option<Guest>,
    head: oneshot::Receiver<Head>,
}

impl Future for AwaitHead {
    type Output = Result<(Response<WasiBody>, Option<Guest>), Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut guest) = self.guest.take() else {
            return Poll::Ready(Err(Refusal::NoResponse("the guest is gone".to_owned())));
        };
        let ended = match Pin::new(&mut guest).poll(cx) {
            Poll::Ready(Ok(())) => Some(Ok(())),
            Poll::Ready(Err(refusal)) => Some(Err(refusal)),
            Poll::Pending => None,
        };
        let head = match Pin::new(&mut self.head).poll(cx) {
            Poll::Ready(head) => head.ok(),
            Poll::Pending if ended.is_none() => {
                self.guest = Some(guest);
                return Poll::Pending;
            }
            Poll::Pending => None,
        };
        Poll::Ready(match (head, ended) {
            // A response to a request that was cut off is no answer to it.
            (Some(Ok(_)), _) if guest.meter().exceeded() == Some(Exceeded::RequestBody) => {
                Err(Refusal::RequestBody {
                    limit: guest.limits().request_body.0,
                })
            }
            (Some(Ok(head)), None) => Ok((head, Some(guest))),
            (Some(Ok(head)), Some(Ok(()))) => Ok((head, None)),
            (Some(Ok(_)) | None, Some(Err(refusal))) => Err(refusal),
            (Some(Err(error)), _) => Err(guest.verdict(Refusal::NoResponse(format!(
                "it answered with an error: {error:#}"
            )))),
            (None, _) => Err(guest.verdict(Refusal::NoResponse(
                "it ended without setting a response".to_owned(),
            ))),
        })
    }
}

fn check_request<B: Body>(request: &Request<B>, headers: u64, body: u64) -> Result<(), Refusal> {
    let path = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    let line = request.method().as_str().len()
        + path
        + "  HTTP/1.1
"
        .len();
    let size = line as u64 + header_size(request.headers());
    if size > headers {
        return Err(Refusal::RequestHeaders {
            size,
            limit: headers,
        });
    }
    if request.body().size_hint().lower() > body {
        return Err(Refusal::RequestBody { limit: body });
    }
    Ok(())
}

fn check_response<B: Body>(response: &Response<B>, headers: u64, body: u64) -> Result<(), Refusal> {
    let size = header_size(response.headers());
    if size > headers {
        return Err(Refusal::ResponseHeaders {
            size,
            limit: headers,
        });
    }
    if response.body().size_hint().lower() > body {
        return Err(Refusal::ResponseBody { limit: body });
    }
    Ok(())
}

/// Bytes of headers on the wire of HTTP/1.1.
fn header_size(headers: &http::HeaderMap) -> u64 {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().len() + value.len() + ": \r\n".len()) as u64)
        .sum()
}
