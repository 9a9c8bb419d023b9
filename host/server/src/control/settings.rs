//! What settings may be.

use muster_api::{
    problem::FieldProblem,
    settings::{HealthCheck, Limits, Placement, Settings},
};
use muster_engine::OutboundPolicy;

use super::error::ControlError;

/// The largest memory limit: a 32-bit WebAssembly memory has no more.
const MAX_MEMORY: u64 = 4 << 30;
/// The longest time limit, in milliseconds.
const MAX_TIME: u64 = 3_600_000;
/// The largest head that the data path reads at all.
const MAX_HEADERS: u64 = 128 << 10;
/// The largest environment, in bytes.
const MAX_ENV: usize = 256 << 10;

/// Checks settings that came from outside.
///
/// # Errors
/// Every field that is wrong.
pub(crate) fn check(settings: &Settings) -> Result<(), ControlError> {
    let mut problems = Vec::new();
    check_env(settings, &mut problems);
    check_limits(&settings.limits, &mut problems);
    if let Some(health) = &settings.health {
        check_health(health, &mut problems);
    }
    if let Err((field, message)) =
        OutboundPolicy::new(&settings.allow_outbound, &settings.allow_private)
    {
        problems.push(FieldProblem {
            field: field.to_owned(),
            message,
        });
    }
    check_placement(&settings.placement, &mut problems);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(ControlError::Invalid(problems))
    }
}

fn check_env(settings: &Settings, problems: &mut Vec<FieldProblem>) {
    for (name, value) in &settings.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            problems.push(FieldProblem {
                field: format!("env.{name}"),
                message: "a variable's name must not be empty or contain '=', and neither part may contain NUL".to_owned(),
            });
        }
    }
    let size: usize = settings
        .env
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    if size > MAX_ENV {
        problems.push(FieldProblem {
            field: "env".to_owned(),
            message: format!("the environment has {size} bytes, {MAX_ENV} are allowed"),
        });
    }
}

fn check_limits(limits: &Limits, problems: &mut Vec<FieldProblem>) {
    let bounds = [
        ("memory", limits.memory.0, 64 << 10, MAX_MEMORY),
        ("time", limits.time.0, 1, MAX_TIME),
        ("cpu", limits.cpu.0, 1, MAX_TIME),
        ("concurrency", u64::from(limits.concurrency), 1, 100_000),
        (
            "request_headers",
            limits.request_headers.0,
            256,
            MAX_HEADERS,
        ),
        ("request_body", limits.request_body.0, 0, u64::MAX),
        (
            "response_headers",
            limits.response_headers.0,
            256,
            MAX_HEADERS,
        ),
        ("response_body", limits.response_body.0, 0, u64::MAX),
    ];
    for (name, found, least, most) in bounds {
        if found < least || found > most {
            problems.push(FieldProblem {
                field: format!("limits.{name}"),
                message: format!("{found} is out of bounds: {least} to {most}"),
            });
        }
    }
}

fn check_placement(placement: &Placement, problems: &mut Vec<FieldProblem>) {
    if placement.zones.iter().any(String::is_empty) {
        problems.push(FieldProblem {
            field: "placement.zones".to_owned(),
            message: "a zone has a name; leave zones out for any".to_owned(),
        });
    }
    if placement.labels.keys().any(String::is_empty) {
        problems.push(FieldProblem {
            field: "placement.labels".to_owned(),
            message: "a label has a name".to_owned(),
        });
    }
}

fn check_health(health: &HealthCheck, problems: &mut Vec<FieldProblem>) {
    if !health.path.starts_with('/') || health.path.parse::<::http::uri::PathAndQuery>().is_err() {
        problems.push(FieldProblem {
            field: "health.path".to_owned(),
            message: format!("'{}' is not a path such as /healthz", health.path),
        });
    }
    for (name, found, least) in [
        ("interval", health.interval.0, 100),
        ("timeout", health.timeout.0, 1),
        ("failures", u64::from(health.failures), 1),
    ] {
        if found < least || found > MAX_TIME {
            problems.push(FieldProblem {
                field: format!("health.{name}"),
                message: format!("{found} is out of bounds: {least} to {MAX_TIME}"),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_api::units::ByteSize;

    use super::*;

    fn fields(settings: &Settings) -> Vec<String> {
        match check(settings) {
            Ok(()) => Vec::new(),
            Err(ControlError::Invalid(problems)) => {
                problems.into_iter().map(|problem| problem.field).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn defaults_are_fine() {
        assert!(fields(&Settings::default()).is_empty());
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut settings = Settings::default();
        settings.env.insert("A=B".to_owned(), String::new());
        settings.limits.memory = ByteSize(MAX_MEMORY + 1);
        settings.limits.concurrency = 0;
        settings.health = Some(serde_json::from_str(r#"{"path":"no-slash"}"#).unwrap());
        settings.allow_private = vec!["all".to_owned()];
        assert_eq!(
            fields(&settings),
            [
                "env.A=B",
                "limits.memory",
                "limits.concurrency",
                "health.path",
                "allow_private"
            ]
        );
    }
}
