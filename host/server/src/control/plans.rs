//! What a change of an app does to it, by comparison of before and after.

use std::collections::BTreeMap;

use muster_api::{apps::DesiredState, plan::Plan, settings::Settings};
use muster_store::{AppRecord, Reader, ReleaseRecord};
use serde_json::Value;

use super::{apps::newest_release, error::ControlError, views::counted};

/// An app with the release that it comes to.
pub(crate) struct Look {
    app: AppRecord,
    release: Option<ReleaseRecord>,
}

/// Looks at an app as it is now.
pub(crate) async fn look(db: &Reader, app: &AppRecord) -> Result<Look, ControlError> {
    Ok(Look {
        app: app.clone(),
        release: newest_release(db, app).await?,
    })
}

/// What differs.
pub(crate) fn compare(before: &Look, after: &Look) -> Plan {
    let mut plan = Plan::default();
    compare_instances(before, after, &mut plan);
    let (old, new) = (&before.app, &after.app);
    if let Some(given_up) = old
        .next_release
        .filter(|_| old.next_release != new.next_release)
    {
        plan.removes.push(format!(
            "the roll-out of release {given_up}, which is under way"
        ));
    }
    match (&before.release, &after.release) {
        (before, Some(after)) if before.as_ref().map(|old| old.number) != Some(after.number) => {
            if let Some(before) = before {
                compare_releases(before, after, &mut plan);
            }
            let how = match (new.next_release, old.current_release) {
                (None, _) => "is current at once, for the app is stopped".to_owned(),
                (Some(_), None) => "is rolled out".to_owned(),
                (Some(_), Some(serving)) => {
                    format!("is rolled out; release {serving} serves until it does")
                }
            };
            plan.changes.push(format!("release {} {how}", after.number));
        }
        _ => {}
    }
    plan
}

fn compare_instances(before: &Look, after: &Look, plan: &mut Plan) {
    let running = |look: &Look| match look.app.state {
        DesiredState::Started => look.app.instances as usize,
        DesiredState::Stopped => 0,
    };
    let (old, new) = (running(before), running(after));
    if before.app.state != after.app.state {
        plan.changes.push(match after.app.state {
            DesiredState::Started => "the app is started".to_owned(),
            DesiredState::Stopped => {
                "the app is stopped; it stays with all that belongs to it".to_owned()
            }
        });
    }
    if before.app.instances != after.app.instances {
        let (old, new) = (before.app.instances, after.app.instances);
        plan.changes.push(format!("instances: {old} → {new}"));
    }
    if new < old {
        plan.removes.push(counted(old - new, "instance"));
    }
}

fn compare_releases(before: &ReleaseRecord, after: &ReleaseRecord, plan: &mut Plan) {
    if before.droplet != after.droplet {
        plan.changes
            .push(format!("droplet: {} → {}", before.droplet, after.droplet));
    }
    let (old, new) = (&before.settings.env, &after.settings.env);
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        plan.removes.push(format!("the variable {name}"));
    }
    for (name, value) in new {
        // The values may be secrets.
        match old.get(name) {
            None => plan.changes.push(format!("the variable {name} is set")),
            Some(other) if other != value => {
                plan.changes
                    .push(format!("the variable {name} gets another value"));
            }
            Some(_) => {}
        }
    }
    let (old, new) = (values(&before.settings), values(&after.settings));
    for (name, value) in &new {
        let was = old.get(name).map_or("none", String::as_str);
        if was != value {
            plan.changes.push(format!("{name}: {was} → {value}"));
        }
    }
    for (name, was) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        plan.changes.push(format!("{name}: {was} → none"));
    }
}

/// The settings but for the environment, by their names, as people read them.
fn values(settings: &Settings) -> BTreeMap<String, String> {
    let mut json = serde_json::to_value(settings).unwrap_or_default();
    if let Some(json) = json.as_object_mut() {
        json.remove("env");
    }
    let mut all = BTreeMap::new();
    leaves("", &json, &mut all);
    let limits = &settings.limits;
    let readable = [
        ("memory", limits.memory.to_string()),
        ("time", limits.time.to_string()),
        ("cpu", limits.cpu.to_string()),
        ("request_headers", limits.request_headers.to_string()),
        ("request_body", limits.request_body.to_string()),
        ("response_headers", limits.response_headers.to_string()),
        ("response_body", limits.response_body.to_string()),
    ];
    all.extend(readable.map(|(name, value)| (format!("limits.{name}"), value)));
    all
}

/// All values inside of a value, by their paths.
fn leaves(path: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(&path, value, into);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            into.insert(path.to_owned(), text.clone());
        }
        other => {
            into.insert(path.to_owned(), other.to_string());
        }
    }
}
