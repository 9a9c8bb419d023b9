//! What is too secret for the audit log is masked, before it is written.

use serde_json::{Map, Value};

const MASK: &str = "********";
/// The mask of a value that differs from the one before.
const CHANGED: &str = "******** (changed)";

/// Fields whose values are secret, whatever they belong to.
const SECRET: &[&str] = &[
    "password",
    "password_hash",
    "secret",
    "client_secret",
    "token",
    "access_token",
    "refresh_token",
    "private_key",
    "bind_password",
    "shared_secret",
    "recovery_codes",
    "totp",
];
/// Fields that hold names with values of which any may be secret.
const SECRET_MAPS: &[&str] = &["env", "environment", "headers"];

/// Masks secrets in a pair of values. Where both have one, the second says
/// whether it changed, which is what somebody who reads the log wants to know.
pub(crate) fn mask(before: &mut Option<Value>, after: &mut Option<Value>) {
    let old = before.clone();
    if let Some(after) = after {
        walk(after, old.as_ref());
    }
    if let Some(before) = before {
        walk(before, None);
    }
}

fn walk(value: &mut Value, old: Option<&Value>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object.iter_mut() {
                let old = old.and_then(|old| old.get(name));
                let name = name.to_ascii_lowercase();
                match value {
                    Value::Object(map) if SECRET_MAPS.contains(&name.as_str()) => {
                        hide_all(map, old);
                    }
                    _ if SECRET.contains(&name.as_str()) => hide(value, old),
                    _ => walk(value, old),
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                walk(item, old.and_then(|old| old.get(at)));
            }
        }
        _ => {}
    }
}

fn hide_all(map: &mut Map<String, Value>, old: Option<&Value>) {
    for (name, value) in map.iter_mut() {
        hide(value, old.and_then(|old| old.get(name)));
    }
}

fn hide(value: &mut Value, old: Option<&Value>) {
    // Whether there is one at all is no secret, and neither is a switch.
    if value.is_null() || value.is_boolean() {
        return;
    }
    let changed = old.is_some_and(|old| old != value);
    *value = Value::from(if changed { CHANGED } else { MASK });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_and_changes_of_them_are_told() {
        let mut before = Some(json!({
            "settings": { "env": { "A": "one", "B": "two" }, "memory": 1 },
            "list": [{ "password": "old" }],
            "secret": null,
        }));
        let mut after = Some(json!({
            "settings": { "env": { "A": "one", "B": "three", "C": "new" }, "memory": 2 },
            "list": [{ "password": "new", "Client_Secret": { "deep": "x" } }],
            "secret": "s",
        }));
        mask(&mut before, &mut after);
        assert_eq!(
            before,
            Some(json!({
                "settings": { "env": { "A": MASK, "B": MASK }, "memory": 1 },
                "list": [{ "password": MASK }],
                "secret": null,
            }))
        );
        assert_eq!(
            after,
            Some(json!({
                "settings": { "env": { "A": MASK, "B": CHANGED, "C": MASK }, "memory": 2 },
                "list": [{ "password": CHANGED, "Client_Secret": MASK }],
                "secret": CHANGED,
            }))
        );
    }
}
