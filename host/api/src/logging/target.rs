//! Where log lines go.

use core::net::Ipv6Addr;
use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::units::ByteSize;

const MIN_SIZE: u64 = 4 << 10;
const MAX_SIZE: u64 = 1 << 40;
const MAX_KEEP: u32 = 100;
const DEV_LOG: &str = "/dev/log";

/// One place for log lines. As text: `stderr`, `file:PATH`,
/// `file:PATH,size=10MiB,keep=5`, `file:PATH,daily`, `syslog`,
/// `syslog:unix:/dev/log`, `syslog:udp:HOST:PORT` or `syslog:tcp:HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LogTarget {
    /// The host's standard error.
    Stderr {},
    /// A file that is rotated.
    File(FileTarget),
    /// A syslog daemon, which is spoken to as RFC 5424 says.
    Syslog(SyslogTarget),
}

/// A file that is rotated: what is full becomes `PATH.1`, that `PATH.2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileTarget {
    /// A name in the folder `logs` of the data directory. An absolute path only
    /// if the host was started with it.
    #[schema(example = "host.log")]
    pub path: String,
    /// When it is rotated.
    #[serde(default)]
    pub rotate: Rotation,
    /// How large it may get, 4 KiB to 1 TiB, if it is rotated by size.
    #[serde(default = "FileTarget::default_size")]
    pub max_size: ByteSize,
    /// How many rotated files are kept, 1 to 100.
    #[serde(default = "FileTarget::default_keep")]
    pub keep: u32,
}

/// When a file is rotated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// When it is full.
    #[default]
    Size,
    /// When a day begins, in UTC.
    Daily,
}

/// A syslog daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyslogTarget {
    /// Where it listens.
    #[serde(default)]
    #[schema(value_type = String, example = "unix:/dev/log")]
    pub address: SyslogAddress,
}

/// Where a syslog daemon listens: `unix:PATH`, `udp:HOST:PORT` or
/// `tcp:HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyslogAddress {
    /// A datagram socket on this machine.
    Unix(String),
    /// A host name or address with its port.
    Udp(String),
    /// A host name or address with its port; messages are counted (RFC 6587).
    Tcp(String),
}

/// A text that is no place for log lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no place for log lines: {reason}")]
pub struct TargetError {
    text: String,
    reason: String,
}

impl FileTarget {
    /// A file that is rotated as files are unless told.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            rotate: Rotation::default(),
            max_size: Self::default_size(),
            keep: Self::default_keep(),
        }
    }

    fn default_size() -> ByteSize {
        ByteSize(10 << 20)
    }

    fn default_keep() -> u32 {
        5
    }

    /// Whether it lies elsewhere than in the host's folder for logs.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.path.starts_with('/')
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let name = !self.path.is_empty()
            && self.path.len() <= 64
            && !self.path.starts_with('.')
            && self
                .path
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if !name && (!self.is_absolute() || self.path.contains(['\0', '\n'])) {
            return Err((
                ".path",
                format!("'{}' is no file name such as host.log", self.path),
            ));
        }
        if !(MIN_SIZE..=MAX_SIZE).contains(&self.max_size.0) {
            return Err((
                ".max_size",
                "it is out of bounds: 4 KiB to 1 TiB".to_owned(),
            ));
        }
        if !(1..=MAX_KEEP).contains(&self.keep) {
            return Err((".keep", format!("it is out of bounds: 1 to {MAX_KEEP}")));
        }
        Ok(())
    }
}

impl LogTarget {
    /// What is wrong: the field below this one, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::File(file) => file.check(),
            Self::Stderr {} | Self::Syslog(_) => Ok(()),
        }
    }

    /// Whether both would write to one place.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stderr {}, Self::Stderr {}) => true,
            (Self::File(one), Self::File(other)) => one.path == other.path,
            (Self::Syslog(one), Self::Syslog(other)) => one.address == other.address,
            _ => false,
        }
    }
}

impl FromStr for LogTarget {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = |reason: &str| TargetError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let target = match text.split_once(':') {
            None if text == "stderr" => Self::Stderr {},
            None if text == "syslog" => Self::Syslog(SyslogTarget {
                address: SyslogAddress::default(),
            }),
            Some(("file", rest)) => Self::File(file(rest).map_err(|reason| wrong(&reason))?),
            Some(("syslog", address)) => Self::Syslog(SyslogTarget {
                address: address.parse().map_err(|reason: String| wrong(&reason))?,
            }),
            _ => return Err(wrong("stderr, file:PATH or syslog:ADDRESS is meant")),
        };
        target.check().map_err(|(_, reason)| wrong(&reason))?;
        Ok(target)
    }
}

fn file(text: &str) -> Result<FileTarget, String> {
    let mut parts = text.split(',');
    let mut file = FileTarget::new(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once('=') {
            None if part == "daily" => file.rotate = Rotation::Daily,
            Some(("size", size)) => {
                file.max_size = size.parse().map_err(|error| format!("{error}"))?;
            }
            Some(("keep", keep)) => {
                file.keep = keep
                    .parse()
                    .map_err(|_| format!("'{keep}' is no number of files"))?;
            }
            _ => {
                return Err(format!(
                    "'{part}' is none of size=SIZE, keep=COUNT and daily"
                ));
            }
        }
    }
    Ok(file)
}

impl fmt::Display for LogTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stderr {} => f.write_str("stderr"),
            Self::File(file) => {
                write!(f, "file:{}", file.path)?;
                match file.rotate {
                    Rotation::Daily => f.write_str(",daily")?,
                    Rotation::Size => write!(f, ",size={}", file.max_size)?,
                }
                write!(f, ",keep={}", file.keep)
            }
            Self::Syslog(syslog) => write!(f, "syslog:{}", syslog.address),
        }
    }
}

impl Default for SyslogAddress {
    fn default() -> Self {
        Self::Unix(DEV_LOG.to_owned())
    }
}

impl FromStr for SyslogAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') && !path.contains('\0') => {
                Ok(Self::Unix(path.to_owned()))
            }
            Some(("udp", place)) if is_place(place) => Ok(Self::Udp(place.to_owned())),
            Some(("tcp", place)) if is_place(place) => Ok(Self::Tcp(place.to_owned())),
            _ => Err("unix:/PATH, udp:HOST:PORT or tcp:HOST:PORT is meant".to_owned()),
        }
    }
}

/// Whether this is `HOST:PORT`.
fn is_place(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host_is_good = match bare {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        }
    };
    host_is_good && port.parse::<u16>().is_ok_and(|port| port > 0)
}

impl fmt::Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{path}"),
            Self::Udp(place) => write!(f, "udp:{place}"),
            Self::Tcp(place) => write!(f, "tcp:{place}"),
        }
    }
}

impl Serialize for SyslogAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SyslogAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|reason| de::Error::custom(format!("'{text}' is no syslog address: {reason}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_they_are_read() {
        for text in [
            "stderr",
            "file:host.log,size=10MiB,keep=5",
            "file:/var/log/muster.log,daily,keep=30",
            "syslog:unix:/run/log",
            "syslog:udp:127.0.0.1:514",
            "syslog:tcp:[::1]:6514",
            "syslog:tcp:logs.example.com:601",
        ] {
            let target: LogTarget = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
            let json = serde_json::to_string(&target).unwrap();
            assert_eq!(serde_json::from_str::<LogTarget>(&json).unwrap(), target);
        }
        let short: LogTarget = "syslog".parse().unwrap();
        assert_eq!(short.to_string(), "syslog:unix:/dev/log");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in [
            "",
            "stdout",
            "file:",
            "file:a/b.log",
            "file:../b.log",
            "file:.hidden",
            "file:a.log,weekly",
            "file:a.log,keep=0",
            "file:a.log,keep=many",
            "file:a.log,size=1",
            "syslog:",
            "syslog:unix:dev/log",
            "syslog:udp:127.0.0.1",
            "syslog:udp::514",
            "syslog:tcp:host:0",
            "syslog:tcp:a b:1",
            "syslog:http:host:80",
        ] {
            assert!(bad.parse::<LogTarget>().is_err(), "{bad}");
        }
    }
}
