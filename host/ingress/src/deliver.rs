//! Getting a request to an instance of its app, on this host or on another.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Either;
use hyper::body::Incoming;
use muster_engine::{Refusal, RequestContext};

use crate::{
    access::{Delivered, RecordedBody, Recorder},
    backends::{Backend, Barred, Place, Placement},
    deadline::Deadline,
    door::Admission,
    lingering::Lingering,
    peer::Peer,
    pool::Failed,
    relay::{self, MOST_HOPS, NOT_HERE, Order},
    reply::{self, ReplyBody},
    service::{REQUEST_ID, Worker, elsewhere, not_running, with_id},
};

/// How much longer than its app's time limit a response may be on its way; the
/// limit itself is for the guest to meet.
const LINGER: Duration = Duration::from_secs(1);

/// A request that has an app.
pub(crate) struct Errand<'a> {
    pub(crate) backend: &'a Arc<Backend>,
    pub(crate) order: Order,
    pub(crate) request: Request<Lingering>,
    pub(crate) context: RequestContext,
    pub(crate) started: Instant,
}

impl Worker {
    /// Gets a request to an instance. What becomes of it is put down in the
    /// recorder.
    pub(crate) async fn deliver(
        &self,
        errand: Errand<'_>,
        mut recorder: Recorder,
    ) -> Response<ReplyBody> {
        let Errand {
            backend,
            mut order,
            mut request,
            context,
            started,
        } = errand;
        // Another host has sent it here for what is here.
        let mut barred = Barred {
            hosts: Vec::new(),
            elsewhere: order.hops > 0,
        };
        let may_go_on = order.hops < MOST_HOPS;
        let mut unreachable: Option<Arc<str>> = None;
        order.hops += 1;
        loop {
            let wanted = order.instance.as_deref();
            let placement = wanted
                .and_then(|id| backend.named(id, &barred))
                .or_else(|| backend.next(&barred));
            if placement.is_none() && barred.elsewhere && may_go_on {
                barred.elsewhere = false;
                continue;
            }
            let Some(placement) = placement else {
                return match &unreachable {
                    // Another host may know better where it is.
                    None if order.hops > 1 => not_here(&context.id),
                    None => not_running(&context.id),
                    Some(host) => no_host(host, &context.id),
                };
            };
            recorder.instance(placement);
            let peer = match &placement.at {
                Place::Here(instance) => {
                    return match instance.serve(request, &context).await {
                        Ok(response) => {
                            let limit = Duration::from(instance.runtime().limits().time);
                            let until = started + limit + LINGER;
                            recorder.deadline.set(Some(until.into()));
                            recorded(response.map(Delivered::Here), recorder)
                        }
                        Err(refusal) => {
                            let response = reply::refusal(&refusal, &context.id);
                            recorder.status(response.status(), Some(refusal));
                            response
                        }
                    };
                }
                Place::There(peer) => peer,
            };
            match self.send_on(peer, &order, request).await {
                Ok(response) => return recorded(response.map(Delivered::There), recorder),
                Err(Undelivered::Again(back)) => {
                    request = *back;
                    barred.hosts.push(peer.id);
                    unreachable = Some(Arc::clone(&peer.name));
                }
                Err(Undelivered::Lost(why)) => {
                    let response = broken_off(&peer.name, &context.id);
                    recorder.status(response.status(), Some(Refusal::NoResponse(why)));
                    return response;
                }
            }
        }
    }

    async fn send_on(
        &self,
        peer: &Arc<Peer>,
        order: &Order,
        request: Request<Lingering>,
    ) -> Result<Response<Incoming>, Undelivered> {
        let spare = relay::again(&request).map(Box::new);
        let (mut head, body) = request.into_parts();
        relay::outgoing(&mut head, order);
        match self.pool.ask(peer, Request::from_parts(head, body)).await {
            Ok(mut response) => {
                peer.succeeded();
                if response.headers().contains_key(NOT_HERE)
                    && let Some(spare) = spare
                {
                    return Err(Undelivered::Again(spare));
                }
                relay::strip(response.headers_mut());
                Ok(response)
            }
            Err(Failed::NotSent(back, why)) => {
                peer.failed(&why);
                Err(Undelivered::Again(back))
            }
            Err(Failed::Spoilt(why)) => Err(Undelivered::Lost(why)),
            Err(Failed::Broken(why)) => {
                peer.failed(&why);
                Err(match spare {
                    Some(spare) => Undelivered::Again(spare),
                    None => Undelivered::Lost(why),
                })
            }
        }
    }

    /// Answers a request that another host of the group has taken in.
    pub(crate) async fn answer_peer(
        &self,
        request: Request<Incoming>,
        (peer, admitted): (SocketAddr, &Admission),
        deadline: Deadline,
    ) -> Response<ReplyBody> {
        let started = Instant::now();
        let (mut head, body) = request.into_parts();
        let id = id_of(&head.headers).unwrap_or_else(|| self.ids.next());
        if !admitted() {
            return reply::problem(
                StatusCode::FORBIDDEN,
                "not-a-member",
                "The host is not in the group any more",
                &id,
            );
        }
        let Some(order) = Order::take(&mut head.headers) else {
            tracing::warn!(%peer, "a peer's request is for no app");
            return reply::problem(
                StatusCode::BAD_REQUEST,
                "app-missing",
                "The request is for no app",
                &id,
            );
        };
        relay::strip_ours(&mut head.headers);
        let Some(backend) = self.backends.get(&order.app) else {
            return not_here(&id);
        };
        let recorder = Recorder {
            // Whoever has taken it in has it in its own log.
            access: None,
            started,
            backend: Arc::clone(&backend),
            sink: Arc::clone(&self.sink),
            deadline,
        };
        let errand = Errand {
            backend: &backend,
            order,
            request: Request::from_parts(head, Lingering::new(body)),
            context: RequestContext {
                id: Arc::clone(&id),
                tls: false,
            },
            started,
        };
        let response = self.deliver(errand, recorder).await;
        with_id(response, &id)
    }
}

/// Why another host gave no answer.
enum Undelivered {
    /// It can be sent again, to somebody else.
    Again(Box<Request<Lingering>>),
    /// Nobody knows what became of it, and doing it twice may do harm.
    Lost(String),
}

impl Recorder {
    fn instance(&mut self, placement: &Placement) {
        if let Some(access) = &mut self.access {
            access.instance = Some(Arc::clone(&placement.label));
        }
    }

    fn status(&mut self, status: StatusCode, refusal: Option<Refusal>) {
        if let Some(access) = &mut self.access {
            access.status = status.as_u16();
            access.refusal = refusal;
        }
    }
}

fn recorded(response: Response<Delivered>, mut recorder: Recorder) -> Response<ReplyBody> {
    recorder.status(response.status(), None);
    response.map(|body| Either::Left(RecordedBody { body, recorder }))
}

fn id_of(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get(REQUEST_ID)?.to_str().ok().map(Arc::from)
}

fn not_here(id: &str) -> Response<ReplyBody> {
    elsewhere(not_running(id))
}

fn no_host(host: &str, id: &str) -> Response<ReplyBody> {
    reply::problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "host-unreachable",
        &format!("The app runs on {host}, which cannot be reached"),
        id,
    )
}

fn broken_off(host: &str, id: &str) -> Response<ReplyBody> {
    reply::problem(
        StatusCode::BAD_GATEWAY,
        "host-broke-off",
        &format!("The connection to {host} broke; the request may or may not have been served"),
        id,
    )
}
