//! What the host says about itself, how, and where to.

mod filter;
mod target;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

pub use self::{
    filter::{FilterError, LogFilter, LogLevel, LogLevelError},
    target::{FileTarget, LogTarget, Rotation, SyslogAddress, SyslogTarget, TargetError},
};
use crate::{problem::FieldProblem, units::Millis};

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// What is logged, how, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// The level of every module that is not named below.
    #[serde(default)]
    pub level: LogLevel,
    /// Levels of modules, and of what lies below them, such as
    /// `muster_server` or `muster_server::http`.
    #[serde(default)]
    #[schema(example = json!({ "muster_server": "debug" }))]
    pub modules: BTreeMap<String, LogLevel>,
    /// How lines are written.
    #[serde(default)]
    pub format: LogFormat,
    /// Where they go: to all of these.
    #[serde(default = "to_stderr")]
    pub to: Vec<LogTarget>,
}

fn to_stderr() -> Vec<LogTarget> {
    vec![LogTarget::Stderr {}]
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: LogLevel::default(),
            modules: BTreeMap::new(),
            format: LogFormat::default(),
            to: to_stderr(),
        }
    }
}

impl Logging {
    /// How many modules may have levels of their own.
    pub const MAX_MODULES: usize = 64;
    /// To how many places lines may go.
    pub const MAX_TARGETS: usize = 8;

    /// What is wrong, by field; nothing if all is well. Whether a file may be
    /// written is for the host to say.
    #[must_use]
    pub fn check(&self) -> Vec<FieldProblem> {
        let mut problems = Vec::new();
        let mut wrong = |field: String, message: String| {
            problems.push(FieldProblem { field, message });
        };
        if self.modules.len() > Self::MAX_MODULES {
            let most = Self::MAX_MODULES;
            wrong("modules".to_owned(), format!("at most {most} modules"));
        }
        for name in self.modules.keys().filter(|name| !filter::is_module(name)) {
            wrong(
                format!("modules.{name}"),
                "a module is called such as muster_server or muster_server::http".to_owned(),
            );
        }
        if self.to.is_empty() || self.to.len() > Self::MAX_TARGETS {
            let most = Self::MAX_TARGETS;
            wrong("to".to_owned(), format!("name 1 to {most} places"));
        }
        for (at, target) in self.to.iter().enumerate() {
            if let Err((field, message)) = target.check() {
                wrong(format!("to[{at}]{field}"), message);
            }
            if self.to[..at]
                .iter()
                .any(|other| other.is_same_place(target))
            {
                wrong(format!("to[{at}]"), "this place is named twice".to_owned());
            }
        }
        problems
    }
}

/// What shall be logged from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoggingChange {
    /// What, how, and where to.
    pub logging: Logging,
    /// Whether this host keeps it when it starts anew. Otherwise it holds until
    /// then.
    #[serde(default)]
    pub persist: bool,
    /// For how long, 1 s to 7 days; then what was in force before comes back.
    /// Not together with `persist`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Millis>,
}

impl LoggingChange {
    /// What is wrong, by field; nothing if all is well.
    #[must_use]
    pub fn check(&self) -> Vec<FieldProblem> {
        let mut problems: Vec<_> = self
            .logging
            .check()
            .into_iter()
            .map(|problem| FieldProblem {
                field: format!("logging.{}", problem.field),
                ..problem
            })
            .collect();
        let message = match self.lasting {
            Some(_) if self.persist => "what is kept has no end; leave `persist` or `for` out",
            Some(Millis(time)) if !(1_000..=7 * 24 * 3_600_000).contains(&time) => {
                "it is out of bounds: 1 s to 7 days"
            }
            _ => return problems,
        };
        problems.push(FieldProblem {
            field: "for".to_owned(),
            message: message.to_owned(),
        });
        problems
    }
}

/// Why the host logs as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoggingSource {
    /// It was started so: by flags, environment, `host.toml` or defaults.
    Start,
    /// It was changed so and told to keep it.
    Kept,
    /// It was changed so since it was started.
    Changed,
}

/// How the host logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoggingState {
    /// What, how, and where to.
    pub logging: Logging,
    /// Why.
    pub source: LoggingSource,
    /// When it ends, and what was in force before comes back.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<OffsetDateTime>,
    /// What is kept for the next start, if anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Logging>,
    /// What the host was started with.
    pub start: Logging,
    /// How many lines were lost since the host started: because a disk was
    /// full, a syslog server was away, or there were too many at once.
    pub lost: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Vec<String> {
        let change: LoggingChange = serde_json::from_str(json).unwrap();
        let problems = change.check().into_iter();
        problems.map(|problem| problem.field).collect()
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let logging: Logging = serde_json::from_str("{}").unwrap();
        assert_eq!(logging, Logging::default());
        assert!(logging.check().is_empty());
    }

    #[test]
    fn every_wrong_field_is_named() {
        assert!(fields(r#"{"logging":{},"for":"10m"}"#).is_empty());
        assert_eq!(
            fields(
                r#"{"logging":{"modules":{"a b":"info"},"to":[
                    {"kind":"stderr"},{"kind":"stderr"},
                    {"kind":"file","path":"../x"},{"kind":"file","path":"a.log","keep":0},
                    {"kind":"file","path":"b.log","max_size":1}]},"persist":true,"for":"10m"}"#
            ),
            [
                "logging.modules.a b",
                "logging.to[1]",
                "logging.to[2].path",
                "logging.to[3].keep",
                "logging.to[4].max_size",
                "for"
            ]
        );
        assert_eq!(
            fields(r#"{"logging":{"to":[]},"for":5}"#),
            ["logging.to", "for"]
        );
        for bad in [
            r#"{"logging":{"level":"loud"}}"#,
            r#"{"logging":{"to":[{"kind":"printer"}]}}"#,
            r#"{"logging":{"to":[{"kind":"stderr","path":"x"}]}}"#,
            r#"{"logging":{"to":[{"kind":"syslog","address":"http://x"}]}}"#,
            r#"{"logging":{"levle":"info"}}"#,
        ] {
            assert!(serde_json::from_str::<LoggingChange>(bad).is_err(), "{bad}");
        }
    }
}
