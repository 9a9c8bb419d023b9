//! One request from its head to its response.

use std::{
    cell::RefCell,
    fmt::Write,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header, request::Parts};
use http_body_util::Either;
use hyper::body::Incoming;
use muster_engine::{
    RequestContext,
    plugin::routing::{Decision, Forward, Outcome},
};

use crate::{
    access::{Access, AccessSink, Recorder},
    backends::Backends,
    deadline::Deadline,
    decider::{Decider, Undecided},
    deliver::Errand,
    host_name::host_name,
    lingering::Lingering,
    pool::Pool,
    relay::{self, Order},
    reply::{self, ReplyBody},
};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The longest path that goes into a log line.
const MAX_SHOWN_PATH: usize = 1024;

/// What one worker thread has at hand. Never leaves its thread.
pub(crate) struct Worker {
    pub(crate) decider: RefCell<Decider>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) sink: AccessSink,
    pub(crate) ids: RequestIds,
    pub(crate) pool: Pool,
}

/// Makes ids that no other worker and no other run makes.
pub(crate) struct RequestIds {
    prefix: u64,
    next: std::cell::Cell<u64>,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self {
            prefix: rand::random(),
            next: std::cell::Cell::new(0),
        }
    }

    pub(crate) fn next(&self) -> Arc<str> {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let mut id = String::with_capacity(16);
        let _ = write!(id, "{:016x}", self.prefix.wrapping_add(number));
        Arc::from(id)
    }
}

impl Worker {
    /// Answers one request. Always with a response: what goes wrong is told.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        deadline: Deadline,
    ) -> Response<ReplyBody> {
        let (started, began) = (Instant::now(), SystemTime::now());
        let id = self.ids.next();
        let (mut head, body) = request.into_parts();
        let Some(host) = host_name(&head.uri, &head.headers).map(|host| Arc::<str>::from(&*host))
        else {
            return reply::problem(
                StatusCode::BAD_REQUEST,
                "host-missing",
                "The request needs exactly one valid Host header",
                &id,
            );
        };
        let forward = match self.decide(&host, &mut head) {
            Ok(decision) => decision,
            Err(Undecided::NoRouter) => {
                return reply::problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "router-missing",
                    "This host has no router role",
                    &id,
                );
            }
            Err(Undecided::Failing) => {
                return reply::problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "router-failing",
                    "The router role is failing and is being restarted",
                    &id,
                );
            }
        };
        match &forward.outcome {
            Outcome::Redirect(redirect) => reply::redirect(redirect, &id),
            Outcome::NoRoute => reply::problem(
                StatusCode::NOT_FOUND,
                "route-not-found",
                "No route matches this host and path",
                &id,
            ),
            Outcome::NoTarget(_) => not_running(&id),
            Outcome::Forward(forward) => {
                let record = Record {
                    started,
                    began,
                    id,
                    deadline,
                };
                self.forward(forward, head, body, &host, peer, record).await
            }
        }
    }

    fn decide(&self, host: &str, head: &mut Parts) -> Result<Arc<Decision>, Undecided> {
        self.decider.borrow_mut().decide(host, head)
    }

    async fn forward(
        &self,
        forward: &Forward,
        mut head: Parts,
        body: Incoming,
        host: &str,
        peer: SocketAddr,
        Record {
            started,
            began,
            id,
            deadline,
        }: Record,
    ) -> Response<ReplyBody> {
        let Some(backend) = self.backends.get(&forward.app) else {
            return not_running(&id);
        };
        let recorder = Recorder {
            access: Some(Access {
                began,
                app_id: Arc::clone(&backend.id),
                app: Arc::clone(&backend.name),
                instance: None,
                request: Arc::clone(&id),
                method: head.method.clone(),
                path: shown_path(&head.uri),
                status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
                bytes: 0,
                took: Duration::ZERO,
                refusal: None,
            }),
            started,
            backend: Arc::clone(&backend),
            sink: Arc::clone(&self.sink),
            deadline,
        };
        set_forwarded(&mut head, host, peer, &id);
        let errand = Errand {
            backend: &backend,
            order: Order {
                app: forward.app.clone(),
                instance: forward.instance.clone(),
                hops: 0,
            },
            request: Request::from_parts(head, Lingering::new(body)),
            context: RequestContext {
                id: Arc::clone(&id),
                tls: false,
            },
            started,
        };
        let mut response = self.deliver(errand, recorder).await;
        // A refusal is nobody's first answer to remember.
        let cookie = forward.set_cookie.as_deref();
        if let (Either::Left(_), Some(cookie)) = (response.body(), cookie)
            && let Ok(cookie) = HeaderValue::from_str(cookie)
        {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        with_id(response, &id)
    }
}

/// What is known of a request before anything else is.
struct Record {
    started: Instant,
    began: SystemTime,
    id: Arc<str>,
    deadline: Deadline,
}

/// Path and query for the log, cut where a client makes them endless.
fn shown_path(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let end = path.floor_char_boundary(MAX_SHOWN_PATH);
    if end < path.len() {
        format!("{}…", &path[..end])
    } else {
        path.to_owned()
    }
}

/// The app has no instance that could be asked.
pub(crate) fn not_running(id: &str) -> Response<ReplyBody> {
    reply::problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "app-not-running",
        "The app behind this route is not running",
        id,
    )
}

/// Tells the app where the request came from. What the client claims about
/// that is not passed on.
fn set_forwarded(head: &mut Parts, host: &str, peer: SocketAddr, id: &str) {
    let text = |text: &str| HeaderValue::from_str(text).ok();
    let claimed: Vec<HeaderName> = head
        .headers
        .keys()
        .filter(|name| is_claim(name))
        .cloned()
        .collect();
    for name in claimed {
        head.headers.remove(name);
    }
    relay::strip_ours(&mut head.headers);
    let values = [
        (FORWARDED_FOR, text(&peer.ip().to_string())),
        (FORWARDED_HOST, text(host)),
        (FORWARDED_PROTO, Some(HeaderValue::from_static("http"))),
        (REQUEST_ID, text(id)),
    ];
    for (name, value) in values {
        match value {
            Some(value) => head.headers.insert(name, value),
            None => head.headers.remove(name),
        };
    }
}

/// Whether a header tells where a request came from.
fn is_claim(name: &HeaderName) -> bool {
    name == header::FORWARDED
        || name.as_str() == "x-real-ip"
        || name.as_str().starts_with("x-forwarded-")
}

pub(crate) fn with_id(mut response: Response<ReplyBody>, id: &str) -> Response<ReplyBody> {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().entry(REQUEST_ID).or_insert(value);
    }
    response
}
