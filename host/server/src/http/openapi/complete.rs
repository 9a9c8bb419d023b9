//! What every operation has in common is put into the document once, here:
//! refusals by method and shape, conditions, keys, permissions and examples.
//! What handlers say themselves stays.

use std::{collections::BTreeSet, fmt::Write};

use muster_api::{
    permissions::{Access, operation},
    problem::{CODES, MEDIA_TYPE},
};
use serde_json::{Map, Value, json};

const IN_PERSON: &str = "Needs a login in person: neither an access key nor a session with \
    limited scopes will do.";

/// The methods that a path may have.
const METHODS: [&str; 6] = ["get", "head", "put", "post", "patch", "delete"];

/// Where a dry run is about so many things that `If-Match` could name none.
const OF_NO_ONE_THING: [&str; 1] = ["/api/v1/quotas/actions/enforce"];

/// Completes the document.
pub(super) fn complete(document: &mut Value) {
    let paths = document["paths"].take();
    let Value::Object(mut paths) = paths else {
        return;
    };
    let mut used = BTreeSet::new();
    for (path, methods) in &mut paths {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                super::examples::put(operation);
                used.extend(Shape::of(method, path, operation).complete(operation));
            }
        }
    }
    name_tags(document, &paths);
    document["paths"] = Value::Object(paths);
    let components = &mut document["components"];
    for status in used {
        components["responses"][name(status)] = refusal(status);
    }
    components["headers"] = headers();
    components["parameters"] = parameters();
}

/// Names every tag that an operation has.
fn name_tags(document: &mut Value, paths: &Map<String, Value>) {
    let operations = paths
        .values()
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    for tag in operations.filter_map(|operation| operation["tags"][0].as_str()) {
        let Some(tags) = document["tags"].as_array_mut() else {
            return;
        };
        if !tags.iter().any(|known| known["name"] == tag) {
            tags.push(json!({ "name": tag }));
        }
    }
}

/// What an operation is like, as far as it decides on what it may answer.
struct Shape {
    method: String,
    /// Whether it can be called without a token, and answers in other words.
    public: bool,
    /// What it needs, in words.
    needs: Option<String>,
    /// Whether it names a thing in its path.
    named: bool,
    query: bool,
    json: bool,
    body: bool,
    conditional: bool,
    streams: bool,
}

impl Shape {
    fn of(method: &str, path: &str, described: &Value) -> Self {
        let parameters = described["parameters"].as_array();
        let has = |place: &str, name: Option<&str>| {
            parameters.into_iter().flatten().any(|parameter| {
                parameter["in"] == place && name.is_none_or(|name| parameter["name"] == name)
            })
        };
        let content = &described["requestBody"]["content"];
        let access = operation(&method.to_ascii_uppercase(), path).map(|known| known.access);
        let needs = match access {
            Some(Access::Needs(permission)) => {
                Some(format!("Needs the permission `{permission}`."))
            }
            Some(Access::SignedIn) => Some("Needs a login, and no permission.".to_owned()),
            Some(Access::InPerson) => Some(format!("Needs no permission. {IN_PERSON}")),
            Some(Access::OwnKey) => Some(format!(
                "Needs no permission. {IN_PERSON} An access key may do it to itself."
            )),
            Some(Access::Public) => Some("Needs no login.".to_owned()),
            None => None,
        };
        let dry_run = has("query", Some("dry_run")) && !OF_NO_ONE_THING.contains(&path);
        Self {
            method: method.to_owned(),
            public: access == Some(Access::Public),
            needs,
            named: path.contains('{'),
            query: has("query", None),
            json: content.get("application/json").is_some(),
            body: content.is_object(),

            conditional: dry_run || has("header", Some("If-Match")),
            streams: described["responses"]["200"]["content"]
                .as_object()
                .is_some_and(|content| content.contains_key("text/event-stream")),
        }
    }

    fn reads(&self) -> bool {
        matches!(self.method.as_str(), "get" | "head")
    }

    /// Whether its answers carry tags.
    fn tagged(&self) -> bool {
        self.reads() && !self.public
    }

    fn keyed(&self) -> bool {
        matches!(self.method.as_str(), "post" | "patch") && !self.public
    }

    /// The statuses with which it may refuse.
    fn refusals(&self) -> BTreeSet<u16> {
        let when = [
            (400, !self.public || self.json || self.query),
            (401, !self.public),
            (403, !self.public),
            (404, self.named),
            (409, !self.reads() && !self.public),
            (412, self.conditional || self.tagged()),
            (413, self.body || self.keyed()),
            (415, self.json),
            (
                422,
                self.json
                    || self.query
                    || !self.public && (self.body || self.keyed() || self.conditional),
            ),
            (429, true),
            (500, true),
            (503, true),
            (507, !self.reads()),
        ];
        when.into_iter()
            .filter(|(_, may)| *may)
            .map(|(status, _)| status)
            .collect()
    }

    /// Completes the description, and says which refusals were added.
    fn complete(&self, described: &mut Value) -> BTreeSet<u16> {
        if let Some(needs) = &self.needs {
            let before = described["description"].as_str().unwrap_or_default();
            let gap = if before.is_empty() { "" } else { "\n\n" };
            described["description"] = json!(format!("{before}{gap}{needs}"));
        }
        let add = |described: &mut Value, name: &str| {
            let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
            match described
                .get_mut("parameters")
                .and_then(Value::as_array_mut)
            {
                Some(parameters) => parameters.push(reference),
                None => described["parameters"] = json!([reference]),
            }
        };
        not_null(described);
        if self.tagged() {
            add(described, "If-None-Match");
        }
        if self.tagged() || self.conditional {
            remove_header(described, "If-Match");
            add(described, "If-Match");
        }
        if self.keyed() {
            add(described, "Idempotency-Key");
        }
        let responses = &mut described["responses"];
        if let Some(stream) = responses.pointer_mut("/200/content/text~1event-stream") {
            stream["schema"] = event();
        }
        if self.tagged() && !self.streams {
            responses["304"] = json!({
                "description": "The client has it already: `If-None-Match` names its tag",
                "headers": { "ETag": { "$ref": "#/components/headers/ETag" } },
            });
        }
        for (status, response) in responses.as_object_mut().into_iter().flatten() {
            if status.starts_with('2') {
                self.complete_success(response);
            }
        }
        let mut used = BTreeSet::new();
        let named = responses.as_object().into_iter().flat_map(Map::keys);
        let named = named.filter_map(|status| status.parse::<u16>().ok());
        let mut refusals: BTreeSet<u16> = named.filter(|status| *status >= 400).collect();
        refusals.extend(self.refusals());
        for status in refusals {
            let told = &mut responses[status.to_string()];
            let said = told["description"].as_str().unwrap_or_default();
            // What a handler says of its refusal stays; an empty remark is none,
            // and where it speaks of other things than problems, it knows better.
            let speaks = told["content"].get("application/json").is_some();
            if said.is_empty() && !speaks {
                *told = json!({ "$ref": format!("#/components/responses/{}", name(status)) });
                used.insert(status);
            }
        }
        used
    }

    fn complete_success(&self, response: &mut Value) {
        if response["description"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            let schema = response["content"]["application/json"]["schema"]["$ref"].as_str();
            let of = schema
                .and_then(|schema| schema.rsplit('/').next())
                .unwrap_or_default();
            response["description"] = json!(if of.is_empty() {
                "Done".to_owned()
            } else {
                format!("A `{of}`")
            });
        }
        let mut all = vec!["RateLimit", "RateLimit-Policy", "X-Request-Id"];
        if self.tagged() && !self.streams {
            all.push("ETag");
        }
        if self.keyed() {
            all.push("Idempotent-Replayed");
        }
        for name in all {
            response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
    }
}

/// A parameter that may be left out is not null then: it is not there.
fn not_null(described: &mut Value) {
    let parameters = described
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let kinds = parameter.pointer_mut("/schema/type");
        if let Some(Value::Array(kinds)) = kinds {
            kinds.retain(|kind| kind != "null");
            if let [kind] = kinds.as_slice() {
                parameter["schema"]["type"] = kind.clone();
            }
        }
    }
}

/// One event of a stream. A description of this version says what one is like,
/// not that there are many.
fn event() -> Value {
    json!({
        "type": "object",
        "description": "One of the events that come one after the other",
        "properties": {
            "id": { "type": "string", "description": "What to go on after, as `Last-Event-ID`" },
            "event": { "type": "string", "description": "Its name" },
            "data": { "type": "string", "contentMediaType": "application/json", "description": "What it says, as JSON" },
        },
    })
}

/// A handler's own mark that it takes `If-Match` gives way to the common one.
fn remove_header(described: &mut Value, name: &str) {
    if let Some(parameters) = described
        .get_mut("parameters")
        .and_then(Value::as_array_mut)
    {
        parameters.retain(|parameter| parameter["in"] != "header" || parameter["name"] != name);
    }
}

/// What a refusal is called among the components.
fn name(status: u16) -> String {
    format!("Problem{status}")
}

fn refusal(status: u16) -> Value {
    let codes: Vec<_> = CODES.iter().filter(|code| code.status == status).collect();
    let mut description = match status {
        400 => "The request cannot be read.",
        401 => "The caller has not shown who they are.",
        403 => "The caller may not do this.",
        404 => "There is no such thing, or none that the caller may see.",
        409 => "This does not fit what is there.",
        412 => "It is not what the client thinks.",
        413 => "The body is too large.",
        415 => "The body is of the wrong type.",
        422 => "The request has wrong fields.",
        429 => "Too much was asked for.",
        503 => "The host cannot do this for now.",
        507 => "There is no room.",
        _ => "The host failed; what it was doing may or may not have been done.",
    }
    .to_owned();
    let mut examples = Map::new();
    for code in &codes {
        let _ = write!(description, "\n- `{}`: {}", code.code, code.meaning);
        let value = json!({ "code": code.code, "status": status, "title": code.meaning.trim_end_matches('.'), "request_id": "0199d1a2-7f30-7a52-9bd2-6b1b1c3d1e4f" });
        examples.insert(code.code.to_owned(), json!({ "value": value }));
    }
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let mut refusal = json!({
        "description": description,
        "content": { MEDIA_TYPE: { "schema": schema, "examples": examples } },
    });
    if matches!(status, 409 | 429) {
        refusal["headers"]["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    if status == 412 {
        refusal["headers"]["ETag"] = json!({ "$ref": "#/components/headers/ETag" });
    }
    refusal
}

fn headers() -> Value {
    let text = |description: &str, example: &str| {
        json!({
            "description": description,
            "schema": { "type": "string" },
            "example": example,
        })
    };
    json!({
        "ETag": text("The tag of what is shown", "\"1f0c2d9a7b3e4856.9ab1c2d3e4f50617\""),
        "Idempotent-Replayed": text("`true` if this is the answer to an earlier request with the same key", "true"),
        "RateLimit": text("For each limit that applies: how many requests are left, and in how many seconds all of them are back", "\"user\";r=1999;t=1"),
        "RateLimit-Policy": text("The limits that apply: requests, and the seconds in which they come back", "\"user\";q=2000;w=20"),
        "Retry-After": {
            "description": "Seconds to wait before the same request may succeed",
            "schema": { "type": "integer", "minimum": 1 },
            "example": 3,
        },
        "X-Request-Id": text("The request's id: the client's own, or one that was made up", "0199d1a2-7f30-7a52-9bd2-6b1b1c3d1e4f"),
    })
}

fn parameters() -> Value {
    // What a list of entity tags is written like (RFC 9110, section 8.8.3).
    const TAGS: &str = r#"^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$"#;
    let header = |name: &str, description: &str, schema: Value, example: &str| {
        json!({
            "name": name,
            "in": "header",
            "description": description,
            "required": false,
            "schema": schema,
            "example": example,
        })
    };
    let tags = || json!({ "type": "string", "minLength": 1, "pattern": TAGS });
    let key = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
    let of = "\"1f0c2d9a7b3e4856\"";
    json!({
        "If-Match": header("If-Match", "Do it only if the thing has one of these tags still, or `*`, if it exists. Of a tag, the part up to the dot counts, which is the thing's version.", tags(), of),
        "If-None-Match": header("If-None-Match", "Leave the answer out if it has one of these tags.", tags(), of),
        "Idempotency-Key": header("Idempotency-Key", "Makes the request repeatable for 24 hours: with the same key, the change is made once, and its answer given again.", key, "8e03978e-40d5-43e8-bc93-6894a57f9324"),
    })
}
