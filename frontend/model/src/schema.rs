//! A section of the configuration as entries of a form, by the host's own
//! description of its API.

use muster_api::{
    config::SectionView,
    units::{ByteSize, Millis},
};
use serde_json::{Map, Value};

use crate::reading::time;

/// What goes into an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sort {
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
    /// A length of time.
    Time,
    /// A size in bytes.
    Size,
    /// Words.
    Text,
    /// Words that nobody must see.
    Secret,
    /// One of these words.
    Choice(Vec<String>),
    /// Whatever JSON says, such as a list.
    Json,
}

impl Sort {
    /// What somebody typed, as a value. What cannot be read stays words, for the
    /// host to refuse beside the field.
    #[must_use]
    pub fn read(&self, text: &str) -> Value {
        let words = || Value::String(text.to_owned());
        match self {
            Self::Flag => Value::Bool(text == "true"),
            Self::Text | Self::Secret | Self::Choice(_) => words(),
            _ if text.trim().is_empty() => Value::Null,
            // The host reads units itself.
            _ => serde_json::from_str(text).unwrap_or_else(|_| words()),
        }
    }
}

/// A key of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name with dots, as `muster config set` takes it.
    pub name: String,
    /// What it means; nothing if the host does not say.
    pub about: String,
    /// What goes in.
    pub sort: Sort,
    /// What stands there.
    pub text: String,
}

/// The keys of a section with their values.
#[must_use]
pub fn entries(view: &SectionView, document: &Value) -> Vec<Entry> {
    let views = document["components"]["schemas"]["SectionView"]["oneOf"].as_array();
    let mine = views.into_iter().flatten();
    let mine = mine
        .into_iter()
        .find(|schema| schema["title"] == view.section.as_str());
    let schema = mine.map_or(&Value::Null, |mine| &mine["properties"]["values"]);
    let mut found = Vec::new();
    collect(document, schema, &view.values, "", &mut found);
    found
}

/// The keys below a value, in the order in which the host names them. What the
/// description does not know is there all the same.
fn collect(document: &Value, schema: &Value, values: &Value, name: &str, into: &mut Vec<Entry>) {
    let target = resolve(document, schema);
    let described = target["properties"].as_object();
    let fields = values.as_object().filter(|fields| !fields.is_empty());
    if described.is_none() && (fields.is_none() || !target["additionalProperties"].is_null()) {
        let about = [schema, target]
            .into_iter()
            .find_map(|it| it["description"].as_str());
        let words = about.unwrap_or_default().split_whitespace();
        let sort = match reference(schema) {
            Some(path) if path.ends_with("/Millis") => Sort::Time,
            Some(path) if path.ends_with("/ByteSize") => Sort::Size,
            _ => sort(target, values),
        };
        into.push(Entry {
            name: name.to_owned(),
            about: words.collect::<Vec<_>>().join(" "),
            text: text(&sort, values),
            sort,
        });
        return;
    }
    let known = described.into_iter().flat_map(Map::keys);
    let other = fields.into_iter().flat_map(Map::keys);
    let other = other.filter(|key| described.is_none_or(|known| !known.contains_key(*key)));
    for key in known.chain(other) {
        let dot = if name.is_empty() { "" } else { "." };
        let below = format!("{name}{dot}{key}");
        collect(
            document,
            &target["properties"][key],
            &values[key],
            &below,
            into,
        );
    }
}

fn sort(schema: &Value, value: &Value) -> Sort {
    let words = schema["enum"].as_array().map(|words| {
        let words = words.iter().filter_map(Value::as_str);
        words.map(str::to_owned).collect::<Vec<_>>()
    });
    if let Some(words) = words.filter(|words| !words.is_empty()) {
        return Sort::Choice(words);
    }
    let is = |kind: &str| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|it| it == kind),
        told => told == kind,
    };
    match value {
        _ if is("boolean") => Sort::Flag,
        _ if is("integer") => Sort::Number,
        _ if schema["format"] == "password" => Sort::Secret,
        Value::Null if is("string") => Sort::Json,
        _ if is("string") => Sort::Text,
        Value::Bool(_) => Sort::Flag,
        Value::Number(_) => Sort::Number,
        Value::String(_) => Sort::Text,
        _ => Sort::Json,
    }
}

fn text(sort: &Sort, value: &Value) -> String {
    match (sort, value) {
        (Sort::Flag, Value::Bool(true)) => "true".to_owned(),
        (Sort::Flag, _) | (_, Value::Null) => String::new(),
        (Sort::Json, value) => value.to_string(),
        (Sort::Time, Value::Number(number)) => number
            .as_u64()
            .map_or_else(|| number.to_string(), |it| time(Millis(it))),
        (Sort::Size, Value::Number(number)) => number
            .as_u64()
            .map_or_else(|| number.to_string(), |it| ByteSize(it).to_string()),
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

/// Puts a value where its name, whose parts stand between dots, says.
pub fn put(values: &mut Value, name: &str, value: Value) {
    let mut place = values;
    for part in name.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[part];
    }
    *place = value;
}

/// What a reference leads to, past a `null` beside it.
fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let schema = only(schema);
    let pointer = reference(schema).and_then(|path| path.strip_prefix('#'));
    match pointer.and_then(|pointer| document.pointer(pointer)) {
        Some(found) => resolve(document, found),
        None => schema,
    }
}

/// Where a schema is described, if not where it stands.
fn reference(schema: &Value) -> Option<&str> {
    only(schema)["$ref"].as_str()
}

/// The only choice that a schema leaves besides `null`, or itself.
fn only(schema: &Value) -> &Value {
    for several in ["oneOf", "anyOf", "allOf"] {
        let parts = schema[several].as_array().into_iter().flatten();
        let mut parts = parts.filter(|part| part["type"] != "null");
        if let (Some(found), None) = (parts.next(), parts.next()) {
            return only(found);
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({ "components": { "schemas": {
            "SectionView": { "oneOf": [
                { "title": "mail", "properties": { "values": { "$ref": "#/components/schemas/Mail" } } },
            ] },
            "Mail": { "properties": {
                "host": { "type": ["string", "null"], "description": "The server.\nBy name." },
                "tls": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Tls" }] },
                "pause": { "$ref": "#/components/schemas/Pause" },
                "secret": { "type": "string", "format": "password" },
            } },
            "Tls": { "type": "string", "enum": ["none", "start"] },
            "Pause": { "properties": { "first": { "type": "integer", "description": "The first" } } },
        } } })
    }

    fn read(values: Value) -> Vec<Entry> {
        let view = SectionView {
            section: "mail".to_owned(),
            about: String::new(),
            is_set: true,
            leader: None,
            values,
        };
        entries(&view, &document())
    }

    #[test]
    fn each_key_is_an_entry_of_its_sort() {
        let found = read(
            json!({ "host": "a", "tls": "none", "pause": { "first": 2 }, "more": [1], "on": true }),
        );
        let of = |name: &str| found.iter().find(|entry| entry.name == name).unwrap();
        assert_eq!(of("host").about, "The server. By name.");
        assert_eq!(of("host").sort, Sort::Text);
        assert_eq!(
            of("tls").sort,
            Sort::Choice(vec!["none".to_owned(), "start".to_owned()])
        );
        assert_eq!(
            (&of("pause.first").sort, of("pause.first").text.as_str()),
            (&Sort::Number, "2")
        );
        assert_eq!(of("secret").sort, Sort::Secret);
        assert_eq!(
            (&of("more").sort, of("more").text.as_str()),
            (&Sort::Json, "[1]")
        );
        assert_eq!(
            (&of("on").sort, of("on").text.as_str()),
            (&Sort::Flag, "true")
        );
    }

    #[test]
    fn times_and_sizes_stand_there_with_their_units() {
        let document = json!({ "components": { "schemas": {
            "SectionView": { "oneOf": [{ "title": "mail", "properties": { "values": { "properties": {
                "pause": { "$ref": "#/components/schemas/Millis", "description": "How long" },
                "most": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/ByteSize" }] },
            } } } }] },
            "Millis": { "type": "integer" },
            "ByteSize": { "type": "integer" },
        } } });
        let view = SectionView {
            section: "mail".to_owned(),
            about: String::new(),
            is_set: true,
            leader: None,
            values: json!({ "pause": 900_000, "most": 67_108_864 }),
        };
        let found = entries(&view, &document);
        let told = |name: &str| {
            let entry = found.iter().find(|entry| entry.name == name).unwrap();
            (entry.text.clone(), entry.about.clone(), entry.sort.clone())
        };
        assert_eq!(
            told("pause"),
            ("15m".to_owned(), "How long".to_owned(), Sort::Time)
        );
        assert_eq!(
            told("most"),
            ("64MiB".to_owned(), String::new(), Sort::Size)
        );
        assert_eq!(Sort::Time.read("2h"), json!("2h"));
        assert_eq!(Sort::Time.read("250"), json!(250));
        assert_eq!(Sort::Size.read(" "), Value::Null);
    }

    #[test]
    fn what_is_typed_goes_back_to_where_it_was() {
        let mut values = json!({ "pause": { "first": 2 } });
        put(&mut values, "pause.first", Sort::Number.read("3"));
        put(&mut values, "new.deep", Sort::Json.read("[1]"));
        put(&mut values, "odd", Sort::Number.read("x"));
        let wanted = json!({ "pause": { "first": 3 }, "new": { "deep": [1] }, "odd": "x" });
        assert_eq!(values, wanted);
        assert_eq!(Sort::Json.read(""), Value::Null);
    }

    #[test]
    fn a_host_that_describes_nothing_shows_what_it_has() {
        let view = SectionView {
            section: "mail".to_owned(),
            about: String::new(),
            is_set: false,
            leader: None,
            values: json!({ "a": { "b": 1 } }),
        };
        let names: Vec<_> = entries(&view, &Value::Null)
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(names, ["a.b"]);
    }
}
