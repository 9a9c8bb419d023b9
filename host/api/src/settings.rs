//! What an app runs with: environment, limits, health check and grants. The
//! same words stand in `muster.toml`, in push requests and in replies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::units::{ByteSize, Millis};

/// What one app may use. Every request counts against these alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory of one request's instance: all its memories and tables together.
    pub memory: ByteSize,
    /// Wall-clock time from a request's first byte to its response's last.
    pub time: Millis,
    /// CPU time of one request.
    pub cpu: Millis,
    /// Requests that one instance serves at the same time.
    pub concurrency: u32,
    /// Request line and headers together.
    pub request_headers: ByteSize,
    /// Request body.
    pub request_body: ByteSize,
    /// Response headers.
    pub response_headers: ByteSize,
    /// Response body.
    pub response_body: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize(64 << 20),
            time: Millis(30_000),
            cpu: Millis(10_000),
            concurrency: 128,
            request_headers: ByteSize(32 << 10),
            request_body: ByteSize(16 << 20),
            response_headers: ByteSize(32 << 10),
            response_body: ByteSize(1 << 30),
        }
    }
}

/// How the host finds out whether an instance serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The path to ask for. A status below 500 passes.
    pub path: String,
    /// How often to ask.
    #[serde(default = "HealthCheck::default_interval")]
    pub interval: Millis,
    /// How long one answer may take.
    #[serde(default = "HealthCheck::default_timeout")]
    pub timeout: Millis,
    /// After how many failures in a row the instance counts as crashed.
    #[serde(default = "HealthCheck::default_failures")]
    pub failures: u32,
}

impl HealthCheck {
    fn default_interval() -> Millis {
        Millis(10_000)
    }

    fn default_timeout() -> Millis {
        Millis(5_000)
    }

    fn default_failures() -> u32 {
        3
    }
}

/// Everything an app runs with besides its droplet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// What it may use.
    pub limits: Limits,
    /// How to find out whether it serves. None: it serves once it is loaded.
    pub health: Option<HealthCheck>,
    /// Hosts it may send HTTP requests to: `api.example.com`,
    /// `api.example.com:8443`, `*.example.com` or `*`.
    pub allow_outbound: Vec<String>,
    /// Networks among loopback, link-local and private ones that it may reach
    /// as well, in CIDR notation: `127.0.0.1/32`.
    pub allow_private: Vec<String>,
    /// The file of the package that is the component, if there are several.
    pub component: Option<String>,
    /// For a directory of files: the file that answers for paths that do not
    /// exist.
    pub fallback: Option<String>,
    /// Where its instances may be, and what each is given of its host.
    pub placement: Placement,
}

/// Where instances may be, and what each is given of its host. Of no account on
/// a host that stands alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Placement {
    /// Memory that an instance is given of its host's: what it takes most of the
    /// time. What one request may use at most is its limit.
    pub memory: ByteSize,
    /// CPU that an instance is given of its host's, in thousandths of a core.
    pub cpu: u32,
    /// The only zones; any unless some are named.
    pub zones: Vec<String>,
    /// Labels that the host must have, with these values.
    pub labels: BTreeMap<String, String>,
    /// At most one instance of a release on each host.
    pub one_per_host: bool,
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            // What an idle instance takes, with its share of the code.
            memory: ByteSize(1 << 20),
            cpu: 0,
            zones: Vec::new(),
            labels: BTreeMap::new(),
            one_per_host: false,
        }
    }
}
