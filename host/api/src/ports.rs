//! Who listens where on a host, and for whom.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What is spoken below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Connections.
    Tcp,
}

/// Who needs to reach a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// People and programs that look after the platform.
    PeopleAndPrograms,
    /// The other hosts of the group, and nobody else.
    HostsOfTheGroup,
    /// Whoever uses an app.
    UsersOfApps,
}

/// From where a port can be reached at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reachable {
    /// From this machine alone.
    FromHere,
    /// From other machines as well, unless something between them forbids it.
    FromElsewhere,
}

/// One port of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Port {
    /// The address that is listened on; `0.0.0.0` and `::` are all that the
    /// machine has.
    #[schema(value_type = String, example = "0.0.0.0")]
    pub address: IpAddr,
    /// The number.
    #[schema(example = 7444)]
    pub port: u16,
    /// What is spoken below.
    pub protocol: Protocol,
    /// The role that it belongs to.
    #[schema(example = "base")]
    pub role: String,
    /// What is spoken there.
    #[schema(example = "what linked hosts say to each other")]
    pub purpose: String,
    /// Who needs to reach it.
    pub needed_by: Audience,
    /// Whether it is open at the moment.
    pub open: bool,
    /// From where it can be reached.
    pub reachable: Reachable,
}

/// The ports of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ports {
    /// The host's name.
    #[schema(example = "north")]
    pub host: String,
    /// Its ports.
    pub items: Vec<Port>,
}

/// What a rule set is to allow beside what the host needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RulesQuery {
    /// The port of the machine's ssh server. 22 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 65535)]
    pub ssh_port: Option<u16>,
    /// Addresses of hosts that are yet to be linked, or networks in which they
    /// are, with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(example = "192.0.2.7,198.51.100.0/24")]
    pub peers: Option<String>,
}

/// A rule set for a host's packet filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PortRules {
    /// The host's name.
    #[schema(example = "north")]
    pub host: String,
    /// The rules, as `nft -f` reads them.
    pub nftables: String,
    /// Hosts of the group that are known by a name nobody resolves, so that the
    /// rules do not let them in.
    pub unresolved: Vec<String>,
}
