//! Where blocks are kept: in local files, or in a bucket of an S3-compatible
//! server, as one writes it down.

use std::{fmt, str::FromStr};

use muster_api::config::Secret;

/// Where blocks are kept. Written `local`, or
/// `s3://BUCKET/PREFIX?endpoint=URL&region=NAME&style=path`. Nothing secret is in
/// it: credentials come another way, see [`Credentials`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// In files of the data directory.
    #[default]
    Local,
    /// In a bucket.
    S3(S3Place),
}

/// A bucket, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Place {
    /// The bucket's name.
    pub bucket: String,
    /// What the keys of all blocks begin with; empty for the whole bucket.
    pub prefix: String,
    /// Where the server is, as `http://` or `https://`; Amazon's own unless told.
    pub endpoint: Option<String>,
    /// The region, for servers that have some.
    pub region: Option<String>,
    /// Whether the bucket's name goes before the endpoint's host, not into the path.
    pub virtual_hosted: bool,
}

/// What an S3 server knows us by. Empty ones are not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: Secret,
    /// The session token of keys that pass.
    pub session_token: Secret,
}

/// Why a text is no place for blocks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{reason}; a place for blocks looks like 'local' or 's3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=NAME'"
)]
pub struct PlaceError {
    reason: String,
}

impl Place {
    /// Whether blocks are kept elsewhere than in files of this machine.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::S3(_))
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text == "local" {
            return Ok(Self::Local);
        }
        let Some(rest) = text.strip_prefix("s3://") else {
            return refuse("it is neither 'local' nor does it begin with 's3://'");
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if path.contains('@') || query.contains('@') {
            return refuse("credentials do not belong in it: they would be seen");
        }
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/');
        let mut place = S3Place {
            bucket: checked(bucket, "bucket")?,
            prefix: String::new(),
            endpoint: None,
            region: None,
            virtual_hosted: false,
        };
        if !prefix.is_empty() {
            let parts: Result<Vec<_>, _> = prefix
                .split('/')
                .map(|part| checked(part, "prefix"))
                .collect();
            place.prefix = parts?.join("/");
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = unescaped(value)?;
            match key {
                "endpoint" => place.endpoint = Some(endpoint(&value)?),
                "region" => place.region = Some(checked(&value, "region")?),
                "style" if value == "path" => place.virtual_hosted = false,
                "style" if value == "virtual" => place.virtual_hosted = true,
                "style" => return refuse("its style is neither 'path' nor 'virtual'"),
                _ => {
                    // What it is stays unsaid: it may be a secret.
                    return refuse("it knows nothing but 'endpoint', 'region' and 'style'");
                }
            }
        }
        Ok(Self::S3(place))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::S3(place) = self else {
            return f.write_str("local");
        };
        write!(f, "s3://{}", place.bucket)?;
        if !place.prefix.is_empty() {
            write!(f, "/{}", place.prefix)?;
        }
        let mut separator = '?';
        let mut pair = |f: &mut fmt::Formatter<'_>, key: &str, value: &str| {
            let written = write!(f, "{separator}{key}={value}");
            separator = '&';
            written
        };
        if let Some(endpoint) = &place.endpoint {
            pair(f, "endpoint", endpoint)?;
        }
        if let Some(region) = &place.region {
            pair(f, "region", region)?;
        }
        if place.virtual_hosted {
            pair(f, "style", "virtual")?;
        }
        Ok(())
    }
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, PlaceError> {
    Err(PlaceError {
        reason: reason.into(),
    })
}

/// A plain word of letters, digits, `.`, `-` and `_`.
fn checked(text: &str, what: &str) -> Result<String, PlaceError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.is_empty() || text.len() > 255 || matches!(text, "." | "..") || !text.chars().all(plain)
    {
        return refuse(format!(
            "its {what} must be of letters, digits, '.', '-' and '_'"
        ));
    }
    Ok(text.to_owned())
}

/// `http://` or `https://`, a host, a port, perhaps a path; nothing else.
fn endpoint(text: &str) -> Result<String, PlaceError> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | '/');
    match rest {
        Some(rest)
            if !rest.starts_with(['/', ':']) && !rest.is_empty() && rest.chars().all(plain) =>
        {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => refuse("its endpoint must look like http://HOST:PORT or https://HOST"),
    }
}

/// A value as it was before it was escaped for a URL.
fn unescaped(text: &str) -> Result<String, PlaceError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            // Two digits of four bits each fit into a byte.
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return refuse("a '%' in it is not followed by two hexadecimal digits"),
        }
    }
    String::from_utf8(bytes).or_else(|_| refuse("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in [
            "local",
            "s3://muster",
            "s3://muster/a/b",
            "s3://muster/a?endpoint=http://127.0.0.1:9000&region=eu-1",
            "s3://muster?region=eu-1",
            "s3://muster?endpoint=https://s3.example&style=virtual",
        ] {
            let place: Place = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
        }
        let escaped: Place = "s3://b/?endpoint=http%3A%2F%2Flocalhost%3A9000/&style=path"
            .parse()
            .unwrap();
        assert_eq!(escaped.to_string(), "s3://b?endpoint=http://localhost:9000");
    }

    #[test]
    fn what_is_no_place_is_refused_and_secrets_are_not_repeated() {
        for text in [
            "",
            "/srv/blocks",
            "http://bucket",
            "s3://",
            "s3:///prefix",
            "s3://b/../c",
            "s3://b/a//c",
            "s3://b?endpoint=ftp://x",
            "s3://b?endpoint=http://",
            "s3://b?region=",
            "s3://b?style=odd",
            "s3://b?region=%zz",
            "s3://key:hunter2@b/c",
            "s3://b?secret_key=hunter2",
            "s3://b?endpoint=http://key:hunter2@host",
        ] {
            let refused = text.parse::<Place>().unwrap_err().to_string();
            assert!(!refused.contains("hunter2"), "{text}: {refused}");
        }
        let credentials = Credentials {
            secret_key: Secret::new("hunter2"),
            ..Credentials::default()
        };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_reads_back(text in r"s3://[a-z./%?=&:0-9]{0,30}|\PC{0,20}") {
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string().parse::<Place>(), Ok(place));
            }
        }
    }
}
