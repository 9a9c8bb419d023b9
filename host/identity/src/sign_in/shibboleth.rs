//! Shibboleth: a proxy in front of Muster signs people in and tells in headers
//! who they are. Headers are worth nothing by themselves: anybody can send
//! them. They are believed from the proxies' networks, together with a secret,
//! when each is there once and spelt in one way.

use std::{collections::BTreeSet, net::IpAddr};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use muster_api::config::sign_in::ShibbolethSettings;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{About, Attempt, Method, Profile, SignInError, Style, highest, other_style};

/// What a secret has at least.
const SHORTEST_SECRET: usize = 32;
/// The longest name that is taken.
const LONGEST_NAME: usize = 256;
/// The longest list of affiliations that is taken.
const LONGEST_LIST: usize = 8192;

/// A proxy that signs people in.
pub struct Shibboleth {
    about: About,
    settings: ShibbolethSettings,
    proxies: Vec<IpNet>,
    secret: [u8; 32],
    names: Names,
}

/// The names of the headers, as they are in requests.
struct Names {
    secret: HeaderName,
    principal: HeaderName,
    given_name: Option<HeaderName>,
    surname: Option<HeaderName>,
    common_name: Option<HeaderName>,
    affiliation: Option<HeaderName>,
    email: Option<HeaderName>,
}

impl Shibboleth {
    /// A proxy with these settings.
    ///
    /// # Errors
    /// [`SignInError::Misconfigured`] if it could never work, or would believe
    /// too much.
    pub fn new(about: About, settings: &ShibbolethSettings) -> Result<Self, SignInError> {
        if settings.proxies.is_empty() {
            return Err(SignInError::misconfigured("proxies is empty"));
        }
        let proxies = settings
            .proxies
            .iter()
            .map(|text| network(text))
            .collect::<Result<_, _>>()?;
        let secret = settings.secret.expose();
        if settings.secret.is_mask() || secret.len() < SHORTEST_SECRET {
            return Err(SignInError::misconfigured(format!(
                "secret has fewer than {SHORTEST_SECRET} characters"
            )));
        }
        Ok(Self {
            about,
            settings: settings.clone(),
            proxies,
            secret: Sha256::digest(secret).into(),
            names: Names::new(settings)?,
        })
    }

    fn believe(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Profile, SignInError> {
        let peer = peer.to_canonical();
        if !self.proxies.iter().any(|network| network.contains(&peer)) {
            return Err(SignInError::refused(format!(
                "{peer} is in none of the proxies' networks"
            )));
        }
        let shown = once(headers, &self.names.secret)?;
        let shown: [u8; 32] = Sha256::digest(shown.unwrap_or_default()).into();
        if !bool::from(shown.ct_eq(&self.secret)) {
            return Err(SignInError::refused(format!(
                "{peer} did not show the secret in {}",
                self.names.secret
            )));
        }
        self.profile(headers)
    }

    fn profile(&self, headers: &HeaderMap) -> Result<Profile, SignInError> {
        let names = &self.names;
        let single = |name: &Option<HeaderName>| match name {
            Some(name) => first_of(headers, name),
            None => Ok(None),
        };
        let principal = text(headers, &names.principal, LONGEST_NAME)?
            .ok_or_else(|| SignInError::refused(format!("there is no {}", names.principal)))?;
        if principal.contains(';') {
            return Err(SignInError::refused(format!(
                "{} has several values",
                names.principal
            )));
        }
        let groups = match &names.affiliation {
            Some(name) => list(text(headers, name, LONGEST_LIST)?.unwrap_or_default()),
            None => BTreeSet::new(),
        };
        let email = single(&names.email)?;
        let display_name = match single(&names.common_name)? {
            Some(whole) => Some(whole),
            None => match (single(&names.given_name)?, single(&names.surname)?) {
                (Some(given), Some(surname)) => Some(format!("{given} {surname}")),
                (given, surname) => given.or(surname),
            },
        };
        Ok(Profile {
            method: self.about.name.clone(),
            subject: principal.to_owned(),
            username: principal.to_owned(),
            email_verified: email.is_some() && self.settings.email_verified,
            email,
            display_name,
            user_type: highest(&groups, &self.settings.group_types),
            groups,
        })
    }
}

#[async_trait]
impl Method for Shibboleth {
    fn about(&self) -> &About {
        &self.about
    }

    fn style(&self) -> Style {
        Style::ProxyHeaders
    }

    async fn sign_in(&self, attempt: Attempt<'_>) -> Result<Profile, SignInError> {
        match attempt {
            Attempt::Headers { peer, headers } => self.believe(peer, headers),
            _ => Err(other_style(&self.about)),
        }
    }
}

impl Names {
    fn new(settings: &ShibbolethSettings) -> Result<Self, SignInError> {
        let headers = &settings.headers;
        let names = Self {
            secret: needed("secret_header", &settings.secret_header)?,
            principal: needed("headers.principal", &headers.principal)?,
            given_name: name("headers.given_name", &headers.given_name)?,
            surname: name("headers.surname", &headers.surname)?,
            common_name: name("headers.common_name", &headers.common_name)?,
            affiliation: name("headers.affiliation", &headers.affiliation)?,
            email: name("headers.email", &headers.email)?,
        };
        let mut seen = BTreeSet::new();
        for name in [&names.secret, &names.principal].into_iter().chain(
            [
                &names.given_name,
                &names.surname,
                &names.common_name,
                &names.affiliation,
                &names.email,
            ]
            .into_iter()
            .flatten(),
        ) {
            if !seen.insert(plain(name.as_str())) {
                return Err(SignInError::misconfigured(format!(
                    "the header {name} would tell two things"
                )));
            }
        }
        Ok(names)
    }
}

fn needed(setting: &str, written: &str) -> Result<HeaderName, SignInError> {
    name(setting, written)?
        .ok_or_else(|| SignInError::misconfigured(format!("{setting} is not set")))
}

/// The header that is written as itself, or as CGI programs know it.
fn name(setting: &str, written: &str) -> Result<Option<HeaderName>, SignInError> {
    if written.is_empty() {
        return Ok(None);
    }
    let header = match written.strip_prefix("HTTP_") {
        Some(rest) => rest.replace('_', "-"),
        None => written.to_owned(),
    };
    HeaderName::from_bytes(header.as_bytes())
        .map(Some)
        .map_err(|_| SignInError::misconfigured(format!("{setting}: {written:?} is no header")))
}

fn network(text: &str) -> Result<IpNet, SignInError> {
    let parsed = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    match parsed {
        Ok(network) if network.prefix_len() == 0 => Err(SignInError::misconfigured(format!(
            "proxies: {text:?} is everybody"
        ))),
        Ok(network) => Ok(network),
        Err(_) => Err(SignInError::misconfigured(format!(
            "proxies: {text:?} is not like 10.0.0.7/32"
        ))),
    }
}

/// What all spellings of a header's name have in common.
fn plain(name: &str) -> String {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    match plain.strip_prefix("http_") {
        Some(rest) => rest.to_owned(),
        None => plain,
    }
}

/// The header's one value. A second one, or one under another spelling, can
/// only come from somebody who tries to get past the proxy.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, SignInError> {
    let wanted = plain(name.as_str());
    let mut found = None;
    for (spelt, value) in headers {
        if plain(spelt.as_str()) != wanted {
            continue;
        }
        if spelt != name {
            return Err(SignInError::refused(format!(
                "{name} is also there as {spelt}"
            )));
        }
        if found.replace(value.as_bytes()).is_some() {
            return Err(SignInError::refused(format!("{name} is there twice")));
        }
    }
    Ok(found)
}

/// The header's text, without white space around it; none if it is empty.
fn text<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    longest: usize,
) -> Result<Option<&'a str>, SignInError> {
    let Some(bytes) = once(headers, name)? else {
        return Ok(None);
    };
    let refused = |what| SignInError::refused(format!("{name} {what}"));
    if bytes.len() > longest {
        return Err(refused("is too long"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refused("is not UTF-8"))?;
    if text.contains(char::is_control) {
        return Err(refused("has control characters"));
    }
    Ok(Some(text.trim()).filter(|text| !text.is_empty()))
}

/// The first of a header's values.
fn first_of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, SignInError> {
    let text = text(headers, name, LONGEST_LIST)?.unwrap_or_default();
    let first = values(text).into_iter().next();
    match first {
        Some(value) if value.len() > LONGEST_NAME => {
            Err(SignInError::refused(format!("{name} is too long")))
        }
        first => Ok(first),
    }
}

fn list(text: &str) -> BTreeSet<String> {
    values(text).into_iter().collect()
}

/// The values that are separated by semicolons; `\;` is a semicolon in one.
fn values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let value = values.len() - 1;
        match c {
            '\\' if rest.peek() == Some(&';') => {
                rest.next();
                values[value].push(';');
            }
            ';' => values.push(String::new()),
            c => values[value].push(c),
        }
    }
    values
        .iter()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect()
}

#[cfg(test)]
mod tests;
