//! Section `management`: under which address people reach the API, and through
//! which proxies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::InvalidSection;

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

#[cfg(test)]
mod tests {
    use super::*;

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
