//! Section `management`: under which address people reach the API, and through
//! which proxies.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidSection;

/// The header in which a proxy says for whom it asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded`, of RFC 7239.
    Forwarded,
}

/// Under which address people reach the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Management {
    /// The address in links and redirects, such as `https://muster.example.org`,
    /// without a path. Unless told, the address that the host listens on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://muster.example.org")]
    pub public_url: Option<String>,
    /// The site that passkeys are made for: the host name of `public_url`
    /// unless told, or a domain above it. Passkeys do not survive its change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passkey_domain: Option<String>,
    /// Who may read `/metrics`, which names every app that is asked for
    /// something.
    #[serde(skip_serializing_if = "MetricsReaders::is_default")]
    pub metrics: MetricsReaders,
    /// The networks of proxies in front of the API, in CIDR notation. From them
    /// alone it is believed for whom they ask: the last address in their header
    /// that is none of theirs is the client's, for rate limits, the audit log,
    /// sessions and the networks of access keys.
    #[schema(example = json!(["10.0.0.7/32"]))]
    pub trusted_proxies: Vec<String>,
    /// The header in which they say so. They must add to it or overwrite it in
    /// every request; the other one is never believed.
    pub forwarded_by: ForwardedBy,
}

/// Who may read the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsReaders {
    /// Whoever is signed in and may see how the host is (`status:read`), and
    /// without a token whoever asks from the host itself, by no proxy.
    #[default]
    SignedIn,
    /// Everybody.
    Open,
}

impl MetricsReaders {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Management {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidSection> {
        if let Some(wrong) = self.trusted_proxies.iter().find(|text| !is_network(text)) {
            return Err(InvalidSection::new(
                "trusted_proxies",
                format!("'{wrong}' is not like 10.0.0.7/32, or is everybody"),
            ));
        }
        let Some(url) = &self.public_url else {
            return Ok(());
        };
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"))
            .unwrap_or_default();
        let odd = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '@' | '\\');
        if rest.is_empty() || rest.contains(odd) {
            return Err(InvalidSection::new(
                "public_url",
                "must be like https://muster.example.org, without a path",
            ));
        }
        Ok(())
    }
}

/// Whether a text is a network in CIDR notation that has not everybody in it.
pub(super) fn is_network(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let digits = length.bytes().all(|byte| byte.is_ascii_digit());
    digits
        && length
            .parse()
            .is_ok_and(|length| (1..=longest).contains(&length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_in_a_network_and_not_everybody() {
        let check = |network: &str| {
            let section = Management {
                trusted_proxies: vec![network.to_owned()],
                ..Management::default()
            };
            section.check().is_ok()
        };
        for good in ["10.0.0.7/32", "10.0.0.0/8", "::1/128", "2001:db8::/32"] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "",
            "10.0.0.7",
            "10.0.0.0/33",
            "0.0.0.0/0",
            "::/0",
            "::1/129",
            "proxy/8",
            "10.0.0.0/+8",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_is_an_origin() {
        let check = |url: &str| {
            let section = Management {
                public_url: Some(url.to_owned()),
                ..Management::default()
            };
            section.check().is_ok()
        };
        for good in ["https://muster.example.org", "http://127.0.0.1:7480"] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "",
            "https://",
            "ftp://a",
            "https://a/",
            "https://u@a",
            "https://a?b",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }
}
