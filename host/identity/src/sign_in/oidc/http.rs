//! Requests to a provider: without redirects, to addresses that a provider may
//! name, and with an end to how long and how large an answer is.

use std::{future::Future, pin::Pin};

use muster_api::config::sign_in::OidcSettings;
use openidconnect::{
    AsyncHttpClient, HttpRequest, HttpResponse,
    url::{Host, Url},
};
use reqwest::{Client, redirect::Policy};

use crate::{sign_in::SignInError, tls};

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 1 << 20;

/// A client of one provider.
pub struct Http {
    client: Client,
    /// Whether the provider is on this very machine.
    is_here: bool,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The request or its answer got lost.
    #[error("{}", chain(.0))]
    Lost(#[from] reqwest::Error),
    /// The answer does not end.
    #[error("the answer has more than {LARGEST_ANSWER} bytes")]
    TooLarge,
    /// The answer makes no sense.
    #[error(transparent)]
    Senseless(#[from] http::Error),
    /// The provider must not name this address.
    #[error("{0} does not begin with https://, or leads to this machine")]
    Forbidden(Url),
}

impl HttpError {
    /// What it means that `place` could not be asked.
    pub fn at(&self, place: &str) -> SignInError {
        let detail = format!("{place}: {self}");
        match self {
            Self::Lost(_) => SignInError::unavailable(detail),
            Self::TooLarge | Self::Senseless(_) | Self::Forbidden(_) => {
                SignInError::misconfigured(detail)
            }
        }
    }
}

impl Http {
    /// A client for the provider with this issuer.
    ///
    /// # Errors
    /// [`SignInError::Misconfigured`] if the CA file is of no use, or the
    /// issuer is no address that is asked.
    pub fn new(settings: &OidcSettings, issuer: &Url) -> Result<Self, SignInError> {
        let tls = tls::client_config(settings.ca_file.as_deref())
            .map_err(|error| SignInError::misconfigured(error.to_string()))?;
        let mut client = Client::builder();
        if is_loopback(issuer) {
            client = client.no_proxy();
        }
        let client = client
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .timeout(settings.timeout.into())
            .build()
            .map_err(|error| SignInError::misconfigured(chain(&error)))?;
        let http = Self {
            client,
            is_here: is_loopback(issuer),
        };
        http.check(issuer)?;
        Ok(http)
    }

    /// Refuses an address that the provider must not name. Plain HTTP is for
    /// providers on this very machine; and a provider elsewhere must not send
    /// us to this machine.
    ///
    /// # Errors
    /// [`SignInError::Misconfigured`] for such an address.
    pub fn check(&self, url: &Url) -> Result<(), SignInError> {
        if self.may_ask(url) {
            return Ok(());
        }
        Err(HttpError::Forbidden(url.clone()).at("the provider's address"))
    }

    fn may_ask(&self, url: &Url) -> bool {
        let leads_here = is_loopback(url);
        let is_safe = match url.scheme() {
            "https" => self.is_here || !leads_here,
            "http" => self.is_here && leads_here,
            _ => false,
        };
        is_safe && url.username().is_empty() && url.password().is_none()
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request: reqwest::Request = request.try_into()?;
        if !self.may_ask(request.url()) {
            return Err(HttpError::Forbidden(request.url().clone()));
        }
        let mut response = self.client.execute(request).await?;
        let mut answer = http::Response::builder().status(response.status());
        for (name, value) in response.headers() {
            answer = answer.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// An error with all its causes: the first rarely says what to do. Without the
/// address, whose query may be nobody's business.
fn chain(error: &reqwest::Error) -> String {
    let mut told = "no answer".to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        told.push_str(": ");
        told.push_str(&error.to_string());
        cause = error.source();
    }
    if error.is_timeout() {
        told.push_str(": it took too long");
    }
    told
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            address.is_unspecified() || address.to_canonical().is_loopback()
        }
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(issuer: &str) -> Result<Http, SignInError> {
        Http::new(&OidcSettings::default(), &Url::parse(issuer).unwrap())
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in [
            "https://accounts.example.org/realm",
            "http://127.0.0.1:3000",
            "http://[::1]:3000/",
            "http://localhost:3000",
        ] {
            assert!(http(good).is_ok(), "{good}");
        }
        for bad in [
            "http://accounts.example.org",
            "http://10.0.0.1",
            "http://localhost.example.org",
            "ftp://127.0.0.1",
            "https://user:password@accounts.example.org",
        ] {
            assert!(http(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_provider_elsewhere_does_not_lead_here() {
        let http = http("https://accounts.example.org").unwrap();
        assert!(
            http.check(&Url::parse("https://keys.example.org/").unwrap())
                .is_ok()
        );
        for bad in [
            "http://keys.example.org/",
            "https://127.0.0.1:7480/",
            "http://127.0.0.1:7480/",
            "https://0.0.0.0/",
            "https://[::ffff:127.0.0.1]/",
            "https://localhost/",
        ] {
            assert!(http.check(&Url::parse(bad).unwrap()).is_err(), "{bad}");
            let request = http::Request::get(bad).body(Vec::new()).unwrap();
            let error = http.send(request).await.unwrap_err();
            assert!(matches!(error, HttpError::Forbidden(_)), "{error}");
        }
    }
}
