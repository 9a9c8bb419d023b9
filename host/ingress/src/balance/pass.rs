//! One request from its head to its response.

use std::{
    cell::RefCell,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use muster_engine::plugin::balancing::Asked;
use tokio::time::timeout;

use super::{
    chooser::{Chooser, Unchosen},
    client::{self, Client},
    group::Balance,
    proxy_protocol,
    terms::Terms,
    upstream::{Busy, Upstream},
};
use crate::{
    health::{self, HEALTH},
    host_name::host_name,
    lingering::Lingering,
    pool::{Failed, Pool},
    relay::{self, NOT_HERE},
    reply,
    service::RequestIds,
};

/// A response's body: an upstream's, or ours.
type PassedBody = Either<Passing, Full<Bytes>>;

/// What one worker thread has at hand. Never leaves its thread.
pub(super) struct Passer {
    pub(super) chooser: RefCell<Chooser>,
    pub(super) balance: Arc<Balance>,
    pub(super) ids: RequestIds,
    pub(super) pool: Pool<Upstream>,
    pub(super) tls_port: u16,
}

/// A client's connection, and by which connections its requests go on.
pub(super) struct Way {
    client: Client,
    /// Connections of its own, over which upstreams are told of it first; those
    /// of the worker otherwise.
    own: Option<Pool<Upstream>>,
}

impl Way {
    pub(super) fn of(client: Client, terms: &Terms) -> Self {
        let preface = terms
            .send_proxy
            .map(|version| proxy_protocol::write(version, Some((client.address, client.to))));
        Self {
            client,
            own: preface.map(Pool::with_preface),
        }
    }
}

/// Why an upstream gave no answer.
enum Unanswered {
    /// It can be asked of somebody else.
    Again(Box<Request<Lingering>>, String),
    /// Nobody knows what became of it, and doing it twice may do harm.
    Lost,
    /// It took too long, and doing it twice may do harm.
    Late,
}

impl Passer {
    /// Passes a request on. Always gives a response: what goes wrong is told.
    pub(super) async fn pass(&self, request: Request<Incoming>, way: &Way) -> Response<PassedBody> {
        let leaving = self.balance.is_leaving();
        let mut response = if request.uri().path() == HEALTH {
            health::reply(!leaving)
        } else {
            self.pass_on(request, way).await
        };
        if leaving {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn pass_on(&self, request: Request<Incoming>, way: &Way) -> Response<PassedBody> {
        let terms = self.balance.terms();
        let (mut head, body) = request.into_parts();
        if terms.to_https && !way.client.tls {
            return self.to_https(&head);
        }
        if !is_to_be_passed(&head) {
            return self.problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "A load balancer does not pass such requests on",
            );
        }
        relay::onward(&mut head);
        let mut asked = Asked {
            client: Some(client::tell(&mut head.headers, &way.client, &terms)),
            ..Asked::default()
        };
        let mut request = Request::from_parts(head, Lingering::new(body));
        let mut unanswered: Option<String> = None;
        for _ in 0..=terms.retries {
            let (mut head, body) = request.into_parts();
            let chosen = self.chooser.borrow_mut().choose(&mut asked, &mut head);
            request = Request::from_parts(head, body);
            let (place, upstream) = match chosen {
                Ok(chosen) => chosen,
                Err(Unchosen::Failing) => {
                    return self.refusal(
                        "load-balancer-failing",
                        "The load balancer role is failing and is being restarted",
                    );
                }
                Err(Unchosen::Nobody) => break,
            };
            if unanswered.is_some() {
                metrics::counter!("muster_load_balancer_retries_total").increment(1);
            }
            match ask(
                &upstream,
                way.own.as_ref().unwrap_or(&self.pool),
                request,
                &terms,
            )
            .await
            {
                Ok(response) => return response.map(Either::Left),
                Err(Unanswered::Again(back, why)) => {
                    request = *back;
                    asked.failed.push(place);
                    unanswered = Some(why);
                }
                Err(Unanswered::Lost) => {
                    return self.problem(
                        StatusCode::BAD_GATEWAY,
                        "upstream-broke-off",
                        &format!("The connection to {} broke; the request may or may not have been served", upstream.name),
                    );
                }
                Err(Unanswered::Late) => {
                    return self.problem(
                        StatusCode::GATEWAY_TIMEOUT,
                        "upstream-silent",
                        &format!("{} gave no answer in time; the request may or may not have been served", upstream.name),
                    );
                }
            }
        }
        match unanswered {
            Some(_) => self.refusal(
                "upstream-unreachable",
                "No router behind the load balancer could be reached",
            ),
            None => self.refusal(
                "no-upstream",
                "No router behind the load balancer takes requests",
            ),
        }
    }

    /// Sends a client to the same address with TLS.
    fn to_https(&self, head: &Parts) -> Response<PassedBody> {
        let Some(host) = host_name(&head.uri, &head.headers) else {
            return self.problem(
                StatusCode::BAD_REQUEST,
                "host-missing",
                "The request needs exactly one valid Host header",
            );
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let location = match self.tls_port {
            443 => format!("https://{host}{path}"),
            port => format!("https://{host}:{port}{path}"),
        };
        let mut response = Response::new(Either::Right(Full::default()));
        // The method stays as it is.
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }

    fn refusal(&self, code: &str, title: &str) -> Response<PassedBody> {
        self.problem(StatusCode::SERVICE_UNAVAILABLE, code, title)
    }

    fn problem(&self, status: StatusCode, code: &str, title: &str) -> Response<PassedBody> {
        metrics::counter!("muster_load_balancer_refusals_total", "code" => code.to_owned())
            .increment(1);
        reply::problem(status, code, title, &self.ids.next())
    }
}

/// Whether a request may be passed on: it is for a path, and its first line is
/// not what a proxy would say of itself.
fn is_to_be_passed(head: &Parts) -> bool {
    let tunnels = head.method == Method::CONNECT || head.uri.path_and_query().is_none();
    !tunnels && head.method.as_str() != "PROXY"
}

/// Asks one upstream.
async fn ask(
    upstream: &Arc<Upstream>,
    pool: &Pool<Upstream>,
    request: Request<Lingering>,
    terms: &Terms,
) -> Result<Response<Passing>, Unanswered> {
    let spare = relay::again(&request).map(Box::new);
    let busy = Busy::new(upstream);
    let answered = timeout(terms.patience, pool.ask(upstream, request)).await;
    let (why, unanswered) = match answered {
        Ok(Ok(response)) if response.headers().contains_key(NOT_HERE) && spare.is_some() => {
            let why = "it does not route at the moment".to_owned();
            match spare {
                Some(spare) => (why.clone(), Unanswered::Again(spare, why)),
                None => (why, Unanswered::Lost),
            }
        }
        Ok(Ok(mut response)) => {
            upstream.answered(response.status().as_u16());
            relay::strip(response.headers_mut());
            return Ok(response.map(|body| Passing { body, _busy: busy }));
        }
        Ok(Err(Failed::NotSent(back, why))) => (why.clone(), Unanswered::Again(back, why)),
        // It is not to blame.
        Ok(Err(Failed::Spoilt(_))) => return Err(Unanswered::Lost),
        Ok(Err(Failed::Broken(why))) => match spare {
            Some(spare) => (why.clone(), Unanswered::Again(spare, why)),
            None => (why, Unanswered::Lost),
        },
        Err(_) => {
            let why = format!("it gave no answer within {} ms", terms.patience.as_millis());
            match spare {
                Some(spare) => (why.clone(), Unanswered::Again(spare, why)),
                None => (why, Unanswered::Late),
            }
        }
    };
    upstream.failed(&why, terms);
    Err(unanswered)
}

/// An upstream's body on its way to the client; the upstream is busy until its
/// end.
pub(super) struct Passing {
    body: Incoming,
    _busy: Busy,
}

impl Body for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::is_to_be_passed;

    #[test]
    fn tunnels_and_lines_of_proxies_are_not_passed_on() {
        for (method, uri, passed) in [
            ("GET", "/", true),
            ("GET", "http://shop.test/a", true),
            ("OPTIONS", "*", true),
            ("CONNECT", "shop.test:443", false),
            ("PROXY", "/", false),
            ("PROXY", "UNKNOWN", false),
            ("GET", "UNKNOWN", false),
        ] {
            let request = Request::builder().method(method).uri(uri).body(());
            let (head, ()) = request.unwrap().into_parts();
            assert_eq!(is_to_be_passed(&head), passed, "{method} {uri}");
        }
    }
}
