//! One request from its head to its response.

use std::{
    cell::RefCell,
    fmt::Write,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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
    fronts::Fronts,
    health::{self, HEALTH},
    host_name::host_name,
    lingering::Lingering,
    peer::Peer,
    pool::Pool,
    relay::{self, NOT_HERE, Order},
    reply::{self, ReplyBody},
    table::RouteTable,
};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The longest path that goes into a log line.
const MAX_SHOWN_PATH: usize = 1024;

/// What one worker thread has at hand. Never leaves its thread.
pub(crate) struct Worker {
    pub(crate) decider: RefCell<Decider>,
    pub(crate) backends: Arc<Backends>,
    pub(crate) sink: AccessSink,
    pub(crate) ids: RequestIds,
    pub(crate) pool: Pool<Peer>,
    pub(crate) table: Arc<RouteTable>,
    pub(crate) fronts: Arc<Fronts>,
    pub(crate) leaving: Arc<AtomicBool>,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// Its address, or that of the client for which it says to ask.
    pub(crate) address: SocketAddr,
    /// Whether it is believed where requests come from.
    pub(crate) front: bool,
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
        caller: Caller,
        deadline: Deadline,
    ) -> Response<ReplyBody> {
        let leaving = self.leaving.load(Ordering::Relaxed);
        let mut response = if request.uri().path() == HEALTH {
            health::reply(!leaving && self.decider.borrow_mut().is_well())
        } else {
            self.route(request, caller, deadline).await
        };
        if leaving {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        caller: Caller,
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
        // A load balancer asks elsewhere then; nobody is to believe that there is
        // no such route.
        if !self.table.is_known() {
            return elsewhere(reply::problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "router-starting",
                "This host does not know its routes yet",
                &id,
            ));
        }
        let forward = match self.decide(&host, &mut head) {
            Ok(decision) => decision,
            Err(Undecided::NoRouter) => {
                return elsewhere(reply::problem(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "router-missing",
                    "This host has no router role",
                    &id,
                ));
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
                self.forward(forward, head, body, &host, caller, record)
                    .await
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
        caller: Caller,
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
        let tls = set_forwarded(&mut head, host, caller, &id);
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
                tls,
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

/// Tells whoever has sent the request on that nothing was done, and that another
/// host may do it.
pub(crate) fn elsewhere(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    let mark = HeaderValue::from_static("1");
    response.headers_mut().insert(NOT_HERE, mark);
    response
}

/// Tells the app where the request came from. What a client claims about that
/// is not passed on; what a load balancer says is. Whether it came by TLS.
fn set_forwarded(head: &mut Parts, host: &str, caller: Caller, id: &str) -> bool {
    let text = |text: &str| HeaderValue::from_str(text).ok();
    let said = |name: &HeaderName| {
        let said = head.headers.get(name).filter(|_| caller.front);
        said.cloned()
    };
    let (chain, name, scheme) = (
        said(&FORWARDED_FOR),
        said(&FORWARDED_HOST),
        said(&FORWARDED_PROTO),
    );
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
    let tls = scheme.as_ref().is_some_and(|scheme| scheme == "https");
    let scheme = if tls { "https" } else { "http" };
    let values = [
        (
            FORWARDED_FOR,
            chain.or_else(|| text(&caller.address.ip().to_string())),
        ),
        (FORWARDED_HOST, name.or_else(|| text(host))),
        (FORWARDED_PROTO, Some(HeaderValue::from_static(scheme))),
        (REQUEST_ID, text(id)),
    ];
    for (name, value) in values {
        match value {
            Some(value) => head.headers.insert(name, value),
            None => head.headers.remove(name),
        };
    }
    tls
}

/// Whether a header tells where a request came from.
pub(crate) fn is_claim(name: &HeaderName) -> bool {
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
