//! What hosts and their roles say about themselves: the platform's own log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{logging::LogLevel, logs::Line};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlatformLine {
    /// Its number on its host, growing, also over restarts.
    pub sequence: u64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// The host's name.
    #[schema(example = "north")]
    pub host: String,
    /// How much it matters.
    pub level: LogLevel,
    /// The module that wrote it, by which its level can be set.
    #[schema(example = "muster_server::control::linking")]
    pub target: String,
    /// The role whose plugin wrote it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "router")]
    pub role: Option<String>,
    /// What it says.
    pub message: String,
    /// What it names beside, such as an app.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({ "app": "shop" }))]
    pub fields: BTreeMap<String, String>,
}

impl Line for PlatformLine {
    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn time(&self) -> OffsetDateTime {
        self.time
    }

    fn host(&self) -> Option<&str> {
        (!self.host.is_empty()).then_some(&self.host)
    }

    fn set_host(&mut self, host: Option<&str>) {
        host.unwrap_or_default().clone_into(&mut self.host);
    }
}

/// The last lines of the hosts that were asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlatformLog {
    /// The lines, oldest first.
    pub items: Vec<PlatformLine>,
    /// Hosts whose lines are missing, and why.
    pub missing: Vec<LogGap>,
}

/// A host whose lines are missing. In a stream it comes as an event `missing`,
/// and once more, without a reason, when the host's lines come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogGap {
    /// The host's name.
    #[schema(example = "south")]
    pub host: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "it does not answer")]
    pub reason: Option<String>,
}

/// Which lines are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlatformLogQuery {
    /// How many of the last lines, 0 to 10000. 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Only lines of these hosts, by name or id, with commas between. All hosts
    /// of the group unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Only lines of this role's plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Only lines that matter at least so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Only lines of this module and of what lies below it, such as
    /// `muster_server::http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Only lines in which this text is, in the message or in what it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only lines from this moment on.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub since: Option<OffsetDateTime>,
    /// Whether to go on with new lines as server-sent events.
    #[serde(default)]
    pub follow: bool,
}

impl PlatformLogQuery {
    /// Whether a line is among those that are asked for, of whichever host.
    #[must_use]
    pub fn takes(&self, line: &PlatformLine) -> bool {
        let has = |text: &String| {
            line.message.contains(text) || line.fields.values().any(|value| value.contains(text))
        };
        let lies_in = |module: &String| {
            let rest = line.target.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.level.is_none_or(|least| line.level <= least)
            && (self.role.is_none() || line.role == self.role)
            && self.since.is_none_or(|since| line.time >= since)
            && self.target.as_ref().is_none_or(lies_in)
            && self.text.as_ref().is_none_or(has)
    }

    /// The hosts that are named; none means all.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let names = self.host.as_deref().unwrap_or_default().split(',');
        names.map(str::trim).filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_taken_if_all_that_is_asked_holds() {
        let line: PlatformLine = serde_json::from_value(json!({
            "sequence": 1, "time": "2026-03-01T12:00:00Z", "host": "north", "level": "warn",
            "target": "muster_server::http::logs", "role": "router", "message": "slow",
            "fields": { "app": "shop" },
        }))
        .unwrap();
        let takes = |query: serde_json::Value| {
            let query: PlatformLogQuery = serde_json::from_value(query).unwrap();
            query.takes(&line)
        };
        for good in [
            json!({}),
            json!({ "level": "warn" }),
            json!({ "level": "trace", "role": "router", "text": "slow" }),
            json!({ "text": "sho" }),
            json!({ "target": "muster_server" }),
            json!({ "target": "muster_server::http::logs" }),
            json!({ "since": "2026-03-01T12:00:00Z" }),
        ] {
            assert!(takes(good.clone()), "{good}");
        }
        for bad in [
            json!({ "level": "error" }),
            json!({ "role": "dea" }),
            json!({ "text": "quick" }),
            json!({ "target": "muster" }),
            json!({ "target": "muster_server::http::log" }),
            json!({ "since": "2026-03-01T12:00:01Z" }),
            json!({ "level": "warn", "role": "dea" }),
        ] {
            assert!(!takes(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn hosts_stand_with_commas_between() {
        let query = |host: &str| PlatformLogQuery {
            host: Some(host.to_owned()),
            ..PlatformLogQuery::default()
        };
        assert_eq!(query("a, b,").hosts().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(PlatformLogQuery::default().hosts().count(), 0);
    }
}
