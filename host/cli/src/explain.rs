//! What the keys of a section of the configuration mean, as the host's own
//! description of its API tells it.

use std::collections::BTreeMap;

use muster_api::config::SectionView;
use serde::Serialize;
use serde_json::Value;

use crate::output::settled;

/// A section, and what its keys mean. To programs it is the section alone.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The section.
    #[serde(flatten)]
    pub view: SectionView,
    /// Its keys, those that are not set among them.
    #[serde(skip)]
    pub keys: Vec<Key>,
}

/// A key of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name with dots, as `muster config set` takes it.
    pub name: String,
    /// Its value, as JSON; none if it is not set.
    pub value: Option<String>,
    /// Its value unless somebody sets it, in the same way.
    pub default: Option<String>,
    /// What it means; nothing if the host does not say.
    pub about: String,
}

/// Explains a section by the host's description. What that does not know is
/// shown all the same.
pub fn explained(view: SectionView, document: &Value) -> Explained {
    let mut abouts = BTreeMap::new();
    let views = document["components"]["schemas"]["SectionView"]["oneOf"].as_array();
    let mine = |schema: &&Value| schema["title"] == view.section.as_str();
    if let Some(mine) = views.into_iter().flatten().find(mine) {
        let values = &mine["properties"]["values"];
        collect(document, values, "", &mut abouts);
    }
    let body = &document["paths"]["/api/v1/config/{section}"]["put"]["requestBody"];
    let examples = &body["content"]["application/json"]["examples"];
    let set = |values: &Value| {
        let mut values = settled(values);
        values.retain(|_, value| value != "null");
        values
    };
    let defaults = set(&examples[&view.section]["value"]);
    let values = set(&view.values);
    for name in values.keys().filter(|name| !name.is_empty()) {
        abouts.entry(name.clone()).or_default();
    }
    // A list or a table that has entries stands there with each of them.
    let keys = abouts.into_iter().map(|(name, about)| Key {
        value: values.get(&name).cloned(),
        default: defaults.get(&name).cloned(),
        name,
        about,
    });
    Explained {
        keys: keys.collect(),
        view,
    }
}

/// The keys below a schema. Those of objects with fields are their fields.
fn collect(document: &Value, schema: &Value, name: &str, into: &mut BTreeMap<String, String>) {
    let schema = resolve(document, schema);
    let fields = schema["properties"].as_object();
    for (field, described) in fields.into_iter().flatten() {
        let dot = if name.is_empty() { "" } else { "." };
        let name = format!("{name}{dot}{field}");
        let target = resolve(document, described);
        if target["properties"].is_object() {
            collect(document, target, &name, into);
        } else {
            let text = [described, target]
                .into_iter()
                .find_map(|schema| schema["description"].as_str());
            let words = text.unwrap_or_default().split_whitespace();
            into.insert(name, words.collect::<Vec<_>>().join(" "));
        }
    }
}

/// What a reference leads to, past a `null` beside it.
fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    for several in ["oneOf", "anyOf", "allOf"] {
        let parts = schema[several].as_array().into_iter().flatten();
        let mut parts = parts.filter(|part| part["type"] != "null");
        if let (Some(only), None) = (parts.next(), parts.next()) {
            return resolve(document, only);
        }
    }
    let pointer = schema["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix('#'));
    match pointer.and_then(|pointer| document.pointer(pointer)) {
        Some(found) => resolve(document, found),
        None => schema,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_explained_also_those_that_are_not_set() {
        let document = json!({
            "components": { "schemas": {
                "SectionView": { "oneOf": [
                    { "title": "other", "properties": { "values": { "type": "object" } } },
                    { "title": "mail", "properties": { "values": { "$ref": "#/components/schemas/Mail" } } },
                ] },
                "Mail": { "properties": {
                    "host": { "type": ["string", "null"], "description": "The server.\nBy name." },
                    "tls": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Tls" }] },
                    "pause": { "$ref": "#/components/schemas/Pause" },
                } },
                "Tls": { "type": "string", "description": "How it is protected" },
                "Pause": { "properties": { "first": { "type": "integer", "description": "The first" } } },
            } },
            "paths": { "/api/v1/config/{section}": { "put": { "requestBody": { "content": { "application/json": {
                "examples": { "mail": { "value": { "pause": { "first": 1 } } } },
            } } } } } },
        });
        let view = SectionView {
            section: "mail".to_owned(),
            about: String::new(),
            is_set: true,
            leader: None,
            values: json!({ "pause": { "first": 2 }, "new": 3, "host": null }),
        };
        let key = |name: &str, value: Option<&str>, default: Option<&str>, about: &str| Key {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            default: default.map(str::to_owned),
            about: about.to_owned(),
        };
        assert_eq!(
            explained(view.clone(), &document).keys,
            [
                key("host", None, None, "The server. By name."),
                key("new", Some("3"), None, ""),
                key("pause.first", Some("2"), Some("1"), "The first"),
                key("tls", None, None, "How it is protected"),
            ]
        );
        // A host that describes nothing is no reason to show nothing.
        let bare = explained(view, &Value::Null).keys;
        assert_eq!(bare.len(), 2);
    }
}
