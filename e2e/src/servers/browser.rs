//! As much of a browser as forms need: cookies, redirects, fields.

use std::{collections::BTreeMap, fs};

use reqwest::{Certificate, Client, Response, Url, header};

use super::Authority;
use crate::host::client_builder;

/// How many redirects follow one another at most.
const MOST_REDIRECTS: usize = 20;

/// Somebody's browser.
pub struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
}

/// Where a browser is.
pub struct Page {
    /// The page itself.
    pub body: String,
    /// Where it was sent to, off the site; it did not go there.
    pub left: Option<String>,
    url: Url,
}

impl Browser {
    /// A browser without cookies that believes an authority.
    ///
    /// # Panics
    /// If the authority's file is not there.
    #[must_use]
    pub fn new(authority: Option<&Authority>) -> Self {
        let mut client = client_builder();
        if let Some(authority) = authority {
            let pem = fs::read(authority.file()).expect("the authority's file");
            let certificate = Certificate::from_pem(&pem).expect("a certificate");
            client = client.tls_certs_only([certificate]);
        }
        Self {
            client: client.build().expect("a client without surprises"),
            cookies: BTreeMap::new(),
        }
    }

    /// Goes to an address and wherever it is sent to on that `site`.
    ///
    /// # Panics
    /// If nobody answers there.
    pub async fn visit(&mut self, url: &str, site: &str) -> Page {
        let request = self.client.get(url).header(header::COOKIE, self.cookie());
        let response = request.send().await.expect("an answer");
        self.follow(response, site).await
    }

    /// Sends a form.
    ///
    /// # Panics
    /// If nobody answers there.
    pub async fn submit(&mut self, url: &str, fields: &[(&str, &str)], site: &str) -> Page {
        let mut body = Url::parse("form:").expect("a URL");
        body.query_pairs_mut().extend_pairs(fields);
        let request = self
            .client
            .post(url)
            .header(header::COOKIE, self.cookie())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.query().unwrap_or_default().to_owned());
        let response = request.send().await.expect("an answer");
        self.follow(response, site).await
    }

    async fn follow(&mut self, mut response: Response, site: &str) -> Page {
        let site = Url::parse(site).expect("a site").origin();
        for _ in 0..MOST_REDIRECTS {
            self.keep(&response);
            let url = response.url().clone();
            let target = response.headers().get(header::LOCATION);
            let target = target.and_then(|target| url.join(target.to_str().ok()?).ok());
            let is_redirect = response.status().is_redirection();
            let Some(target) = target.filter(|_| is_redirect) else {
                let body = response.text().await.expect("a page");
                return Page {
                    body,
                    left: None,
                    url,
                };
            };
            if target.origin() != site {
                return Page {
                    body: String::new(),
                    left: Some(target.into()),
                    url,
                };
            }
            let request = self
                .client
                .get(target)
                .header(header::COOKIE, self.cookie());
            response = request.send().await.expect("an answer");
        }
        panic!("too many redirects");
    }

    fn cookie(&self) -> String {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, response: &Response) {
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("a cookie is ASCII");
            let pair = text.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Page {
    /// Where the page's form goes.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn form_action(&self) -> String {
        let form = self.body.split("<form").nth(1);
        let action = form.and_then(|form| attribute(form, "action"));
        let action = action.unwrap_or_else(|| panic!("there is no form: {}", self.body));
        self.url.join(action).expect("an address").into()
    }

    /// The value of a hidden field.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn hidden(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\"");
        let rest = self.body.split(&mark).nth(1);
        let value = rest.and_then(|rest| attribute(rest, "value"));
        value
            .unwrap_or_else(|| panic!("there is no field {name}: {}", self.body))
            .to_owned()
    }
}

/// The first attribute of that name.
fn attribute<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = html.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}
