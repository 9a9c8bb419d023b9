//! Requests and answers, before anybody is logged in.

use std::{sync::Arc, time::Duration};

use muster_api::problem::{self, Problem};
use reqwest::{Method, RequestBuilder, Response, Url, header, redirect};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;

use super::ClientError;

/// How long one call may take unless it says otherwise. Longer than a long
/// poll, which takes 20 s.
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// One host's address and the connections to it.
#[derive(Clone)]
pub struct Transport {
    http: reqwest::Client,
    base: Url,
}

impl Transport {
    /// Connections to the host at the given address, such as
    /// `http://127.0.0.1:7480`. Connects on the first request.
    ///
    /// # Errors
    /// If that is no address, or TLS cannot be set up.
    pub fn new(address: &str) -> Result<Self, ClientError> {
        let base = parse_address(address)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls()?)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none());
        if is_loopback(&base) {
            // A proxy would look for the host on its own machine.
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(Self { http, base })
    }

    /// The address, without a slash at the end.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether what is sent can be read on the way.
    pub fn is_exposed(&self) -> bool {
        self.base.scheme() == "http" && !is_loopback(&self.base)
    }

    /// A request for a path below `/api/v1`; the segments are escaped.
    pub fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // Only addresses without a host have no segments, and they are refused.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        self.http.request(method, url).timeout(TIMEOUT)
    }

    /// A request for a path outside of `/api/v1`, which begins with a slash.
    pub fn outside(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.address());
        self.http.request(method, url).timeout(TIMEOUT)
    }

    /// Sends and takes whatever answer comes.
    ///
    /// # Errors
    /// If none comes.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        request
            .send()
            .await
            .map_err(|source| self.unreachable(source))
    }

    /// Takes only answers of success.
    ///
    /// # Errors
    /// The problem, if the answer is one.
    pub async fn check(&self, response: Response) -> Result<Response, ClientError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let url = response.url().to_string();
        let unexpected = ClientError::Unexpected {
            url,
            status: status.as_u16(),
        };
        let is_problem = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with(problem::MEDIA_TYPE));
        if !is_problem {
            return Err(unexpected);
        }
        let body = response
            .bytes()
            .await
            .map_err(|source| self.unreachable(source))?;
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => unexpected,
        })
    }

    /// Reads an answer of success.
    ///
    /// # Errors
    /// If it breaks off, or is not what the API says.
    pub async fn json<T: DeserializeOwned>(&self, response: Response) -> Result<T, ClientError> {
        let url = response.url().to_string();
        let body = response
            .bytes()
            .await
            .map_err(|source| self.unreachable(source))?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Malformed {
            url,
            reason: error.to_string(),
        })
    }

    /// The error of a connection that failed or broke off.
    pub fn unreachable(&self, source: reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.address().to_owned(),
            source: source.without_url(),
        }
    }
}

fn parse_address(address: &str) -> Result<Url, ClientError> {
    let refuse = |reason: &str| ClientError::Address {
        url: address.to_owned(),
        reason: reason.to_owned(),
    };
    let url = Url::parse(address).map_err(|error| refuse(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("it begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it must not hold a name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("it must not have a query or fragment"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn tls() -> Result<ClientConfig, ClientError> {
    let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Setup(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in [
            "http://127.0.0.1:7480",
            "https://muster.example/",
            "http://[::1]:7480",
        ] {
            assert!(parse_address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:7480",
            "ftp://h",
            "http://a:b@h",
            "http://h/?x",
            "http://",
        ] {
            assert!(
                matches!(parse_address(bad), Err(ClientError::Address { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn paths_are_escaped_and_kept_below_the_address() {
        let transport = Transport::new("http://127.0.0.1:7480/muster/").unwrap();
        let request = transport
            .request(Method::GET, &["apps", "../a b/c?d"])
            .build()
            .unwrap();
        assert_eq!(
            request.url().as_str(),
            "http://127.0.0.1:7480/muster/api/v1/apps/..%2Fa%20b%2Fc%3Fd"
        );
    }

    #[test]
    fn plain_http_is_safe_on_this_machine_only() {
        for safe in [
            "http://127.0.0.2:1",
            "http://[::1]:1",
            "http://localhost:1",
            "https://far.example",
        ] {
            assert!(!Transport::new(safe).unwrap().is_exposed(), "{safe}");
        }
        assert!(Transport::new("http://10.0.0.1:1").unwrap().is_exposed());
    }
}
