//! Requests on their way from host to host: what is added to them, what is taken
//! out, and which may be sent again.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};
use http_body::Body;

use crate::lingering::Lingering;

/// The app that a request is for, by id.
const APP: HeaderName = HeaderName::from_static("muster-app");
/// The instance that it is for, if it is for one.
const INSTANCE: HeaderName = HeaderName::from_static("muster-instance");
/// How many hosts have sent it on.
const HOPS: HeaderName = HeaderName::from_static("muster-hops");
/// On an answer: the app does not run there, and nothing was done.
pub(crate) const NOT_HERE: HeaderName = HeaderName::from_static("muster-not-here");
/// What headers between hosts begin with. No client has a say in these.
const OURS: &str = "muster-";

/// A host that has just lost an instance sends requests on to where it is now;
/// more than once would be a circle.
pub(crate) const MOST_HOPS: u8 = 2;

/// Where one host tells another to take a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) app: String,
    pub(crate) instance: Option<String>,
    pub(crate) hops: u8,
}

impl Order {
    /// Takes it from a request of another host.
    pub(crate) fn take(headers: &mut HeaderMap) -> Option<Self> {
        let text = |value: Option<HeaderValue>| Some(value?.to_str().ok()?.to_owned());
        let order = Self {
            app: text(headers.remove(APP))?,
            instance: text(headers.remove(INSTANCE)),
            hops: text(headers.remove(HOPS))?.parse().ok()?,
        };
        Some(order)
    }

    fn put(&self, headers: &mut HeaderMap) {
        let value = |text: &str| HeaderValue::from_str(text).ok();
        headers.extend(value(&self.app).map(|value| (APP, value)));
        let instance = self.instance.as_deref().and_then(value);
        headers.extend(instance.map(|value| (INSTANCE, value)));
        headers.insert(HOPS, HeaderValue::from(u16::from(self.hops)));
    }
}

/// Makes a request ready for another host.
pub(crate) fn outgoing(head: &mut Parts, order: &Order) {
    onward(head);
    order.put(&mut head.headers);
}

/// Makes a request ready for whoever is next.
pub(crate) fn onward(head: &mut Parts) {
    strip(&mut head.headers);
    // The other host wants a path; whom it is for is in the Host header.
    let path = head.uri.path_and_query().cloned();
    if let (Some(path), Some(authority)) = (path, head.uri.authority()) {
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            head.headers.insert(header::HOST, host);
        }
        head.uri = Uri::from(path);
    }
    head.version = http::Version::HTTP_11;
}

/// Takes out what is meant for one connection alone, and what is ours.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| !is_kept(name))
        .collect();
    let always = [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::PROXY_AUTHORIZATION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    for name in named.iter().chain(&always) {
        headers.remove(name);
    }
    strip_ours(headers);
}

/// What a client cannot have taken out by calling it one connection's business:
/// whom the request is for, and what this host has said of where it comes from.
fn is_kept(name: &HeaderName) -> bool {
    [header::HOST, header::CONTENT_LENGTH].contains(name)
        || name.as_str() == "x-request-id"
        || name.as_str().starts_with("x-forwarded-")
}

/// Takes out what only hosts may say to each other.
pub(crate) fn strip_ours(headers: &mut HeaderMap) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(OURS))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

/// The same request once more, if it may be sent twice: it has no body, and does
/// the same however often it is done (RFC 9110, section 9.2.2).
pub(crate) fn again(request: &Request<Lingering>) -> Option<Request<Lingering>> {
    let repeatable = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    );
    if !repeatable || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(Lingering::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Request};

    use super::{Order, again, outgoing, strip};
    use crate::lingering::Lingering;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn an_order_arrives_as_it_was_sent() {
        for instance in [None, Some("seven".to_owned())] {
            let order = Order {
                app: "shop".to_owned(),
                instance,
                hops: 1,
            };
            let (mut head, ()) = Request::get("http://shop.test:8080/cart?all")
                .body(())
                .unwrap()
                .into_parts();
            outgoing(&mut head, &order);
            assert_eq!(head.uri, "/cart?all");
            assert_eq!(head.headers["host"], "shop.test:8080");
            assert_eq!(Order::take(&mut head.headers), Some(order));
        }
    }

    #[test]
    fn what_is_for_one_connection_stays_there() {
        let mut sent = headers(&[
            ("connection", "close, x-once, host, x-forwarded-for"),
            ("x-once", "1"),
            ("host", "shop.test"),
            ("x-forwarded-for", "192.0.2.1"),
            ("upgrade", "websocket"),
            ("muster-hops", "0"),
            ("muster-anything", "1"),
            ("accept", "*/*"),
        ]);
        strip(&mut sent);
        let left = [
            ("host", "shop.test"),
            ("x-forwarded-for", "192.0.2.1"),
            ("accept", "*/*"),
        ];
        assert_eq!(sent, headers(&left));
    }

    #[test]
    fn only_what_may_be_done_twice_is_sent_twice() {
        let request = |method: &str| {
            Request::builder()
                .method(method)
                .body(Lingering::empty())
                .unwrap()
        };
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            assert!(again(&request(method)).is_some(), "{method}");
        }
        for method in ["POST", "PATCH", "CONNECT"] {
            assert!(again(&request(method)).is_none(), "{method}");
        }
    }
}
