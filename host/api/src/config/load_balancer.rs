//! Section `load-balancer`: how load balancers of the group spread requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidSection, management::is_network};
use crate::units::Millis;

/// How load balancers choose the router of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// One after the other, by weight.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way, for its weight.
    LeastRequests,
    /// The less busy of two that are drawn by weight.
    PowerOfTwo,
    /// The same one for the same client, as long as it serves.
    ConsistentHash,
}

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyProtocol {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// How load balancers spread requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoadBalancer {
    /// How the router of a request is chosen.
    pub policy: Policy,
    /// The header by which a consistent hash goes; the client's address unless
    /// told, and for requests without the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "x-session")]
    pub hash_header: Option<String>,
    /// The shares of hosts, by name, from 1 to 1000; 1 for all others.
    pub weights: BTreeMap<String, u32>,
    /// Whether a load balancer sends requests to its own address, too, if it is
    /// among those of the routers.
    pub include_self: bool,
    /// How often a request is tried again at another router: if it was not sent
    /// at all or, when it has no body and does the same however often it is
    /// done, if there was no answer.
    pub retries: u32,
    /// How long a router may take to begin its answer.
    pub response_timeout: Millis,
    /// How routers are asked how they are.
    pub checks: Checks,
    /// What becomes of routers that fail requests.
    pub ejection: Ejection,
    /// The networks of proxies in front, in CIDR notation, whose word on clients
    /// is believed: in `X-Forwarded-…` headers, and by the PROXY protocol if
    /// that is accepted. Routers believe them, too.
    #[schema(example = json!(["10.0.0.7/32"]))]
    pub trusted_proxies: Vec<String>,
    /// Whether these proxies speak the PROXY protocol, of either version. Then
    /// they must, in every connection; from others it is never taken.
    pub accept_proxy_protocol: bool,
    /// The version of the PROXY protocol by which routers are told of clients;
    /// none unless told. With it, connections to routers are kept for one client
    /// alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_proxy_protocol: Option<ProxyProtocol>,
    /// Whether who asks without TLS is sent to the same address with it.
    pub redirect_to_https: bool,
}

/// How routers are asked how they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// Whether they are asked at all.
    pub enabled: bool,
    /// The path that is asked for. Good answers have a status from 200 to 399.
    pub path: String,
    /// How often.
    pub interval: Millis,
    /// How long an answer may take.
    pub timeout: Millis,
    /// How many good answers in a row bring a router back.
    pub healthy_after: u32,
    /// How many bad ones in a row take it out.
    pub unhealthy_after: u32,
}

/// What becomes of routers that fail requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ejection {
    /// After how many failures in a row a router rests; 0 for never. It fails a
    /// request when it cannot be reached, breaks off or keeps silent; what it
    /// answers is an app's.
    pub failures: u32,
    /// How long it rests the first time; each time that it fails again, it rests
    /// twice as long. Then one request tries whether it is back.
    pub rest: Millis,
}

impl Default for LoadBalancer {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            hash_header: None,
            weights: BTreeMap::new(),
            include_self: false,
            retries: 2,
            response_timeout: Millis(300_000),
            checks: Checks::default(),
            ejection: Ejection::default(),
            trusted_proxies: Vec::new(),
            accept_proxy_protocol: false,
            send_proxy_protocol: None,
            redirect_to_https: false,
        }
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "/.well-known/muster/health".to_owned(),
            interval: Millis(2_000),
            timeout: Millis(1_000),
            healthy_after: 2,
            unhealthy_after: 3,
        }
    }
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            failures: 3,
            rest: Millis(1_000),
        }
    }
}

impl LoadBalancer {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidSection> {
        let wrong = |field, problem: String| Err(InvalidSection::new(field, problem));
        if let Some(name) = self.hash_header.as_deref().filter(|name| !is_header(name)) {
            return wrong("hash_header", format!("'{name}' is no name of a header"));
        }
        let odd = |(_, weight): &(&String, &u32)| !(1..=1_000).contains(*weight);
        if let Some((host, weight)) = self.weights.iter().find(odd) {
            return wrong(
                "weights",
                format!("{host} has {weight}; it must be from 1 to 1000"),
            );
        }
        if self.retries > 10 {
            return wrong("retries", "must be at most 10".to_owned());
        }
        let checks = &self.checks;
        let path_is_odd = |c: char| !c.is_ascii_graphic() || c == '#';
        if !checks.path.starts_with('/') || checks.path.contains(path_is_odd) {
            return wrong("checks.path", "must be a path, from / on".to_owned());
        }
        let second = 1_000;
        for (field, value, least) in [
            ("response_timeout", self.response_timeout, second),
            ("checks.interval", checks.interval, 100),
            ("checks.timeout", checks.timeout, 50),
            ("ejection.rest", self.ejection.rest, 100),
        ] {
            if !(least..=3_600 * second).contains(&value.0) {
                return wrong(field, format!("must be from {} to 1h", Millis(least)));
            }
        }
        for (field, value) in [
            ("checks.healthy_after", checks.healthy_after),
            ("checks.unhealthy_after", checks.unhealthy_after),
        ] {
            if !(1..=100).contains(&value) {
                return wrong(field, "must be from 1 to 100".to_owned());
            }
        }
        if let Some(odd) = self.trusted_proxies.iter().find(|text| !is_network(text)) {
            return wrong(
                "trusted_proxies",
                format!("'{odd}' is not like 10.0.0.7/32, or is everybody"),
            );
        }
        if self.accept_proxy_protocol && self.trusted_proxies.is_empty() {
            return wrong(
                "accept_proxy_protocol",
                "needs trusted_proxies: from others it is never taken".to_owned(),
            );
        }
        Ok(())
    }
}

fn is_header(name: &str) -> bool {
    let is_odd = |byte: u8| !byte.is_ascii_alphanumeric() && !b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= 100 && !name.bytes().any(is_odd)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn problem(values: Value) -> Option<&'static str> {
        let section: LoadBalancer = serde_json::from_value(values).unwrap();
        section.check().err().map(|wrong| wrong.field)
    }

    #[test]
    fn defaults_and_all_of_it_are_good() {
        assert_eq!(problem(json!({})), None);
        let all = json!({
            "policy": "consistent-hash", "hash_header": "X-Session",
            "weights": { "edge-1": 3 }, "include_self": true, "retries": 0,
            "response_timeout": "30s",
            "checks": { "path": "/up?deep=1", "interval": "500ms", "timeout": "200ms",
                "healthy_after": 1, "unhealthy_after": 1 },
            "ejection": { "failures": 0, "rest": "5s" },
            "trusted_proxies": ["10.0.0.0/8"], "accept_proxy_protocol": true,
            "send_proxy_protocol": "v2", "redirect_to_https": true,
        });
        assert_eq!(problem(all), None);
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        for (values, field) in [
            (json!({ "hash_header": "a b" }), "hash_header"),
            (json!({ "weights": { "edge-1": 0 } }), "weights"),
            (json!({ "retries": 11 }), "retries"),
            (json!({ "response_timeout": "1ms" }), "response_timeout"),
            (json!({ "checks": { "path": "up" } }), "checks.path"),
            (json!({ "checks": { "path": "/a b" } }), "checks.path"),
            (
                json!({ "checks": { "interval": "1ms" } }),
                "checks.interval",
            ),
            (
                json!({ "checks": { "healthy_after": 0 } }),
                "checks.healthy_after",
            ),
            (json!({ "ejection": { "rest": "2h" } }), "ejection.rest"),
            (
                json!({ "trusted_proxies": ["10.0.0.7"] }),
                "trusted_proxies",
            ),
            (
                json!({ "accept_proxy_protocol": true }),
                "accept_proxy_protocol",
            ),
        ] {
            assert_eq!(problem(values.clone()), Some(field), "{values}");
        }
    }
}
