//! The description as a page for people. It is plain HTML made once: it needs no
//! script and nothing from elsewhere, so that it works without a network.

use std::{borrow::Cow, fmt::Write};

use serde_json::Value;

/// What the page may load: its own style, and nothing else.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The page's style.
pub(super) const STYLE: &str = include_str!("docs.css");

/// The page.
pub(super) fn page(document: &Value) -> String {
    let mut html = String::with_capacity(1 << 16);
    let info = &document["info"];
    let title = escape(text(&info["title"]));
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}: the API</title><link rel=\"stylesheet\" href=\"/api/docs.css\"></head>\n\
         <body>\n<header><h1>{title}: the API</h1>{}\
         <p>The same for programs: <a href=\"/api/openapi.json\">openapi.json</a></p></header>\n<main>\n",
        prose(text(&info["description"]))
    );
    let page = Page { document };
    page.contents(&mut html);
    for tag in list(&document["tags"]) {
        page.tag(&mut html, tag);
    }
    page.refusals(&mut html);
    page.schemas(&mut html);
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

struct Page<'d> {
    document: &'d Value,
}

impl Page<'_> {
    fn contents(&self, html: &mut String) {
        html.push_str("<nav aria-label=\"Contents\"><ul>");
        for tag in list(&self.document["tags"]) {
            let name = escape(text(&tag["name"]));
            let _ = write!(html, "<li><a href=\"#{name}\">{name}</a></li>");
        }
        html.push_str(
            "<li><a href=\"#refusals\">refusals</a></li><li><a href=\"#schemas\">schemas</a></li></ul></nav>\n",
        );
    }

    fn tag(&self, html: &mut String, tag: &Value) {
        let name = text(&tag["name"]);
        let shown = escape(name);
        let about = prose(text(&tag["description"]));
        let _ = writeln!(html, "<section id=\"{shown}\"><h2>{shown}</h2>{about}");
        for (path, methods) in fields(&self.document["paths"]) {
            for (method, operation) in fields(methods) {
                if operation["tags"][0] == name {
                    self.operation(html, method, path, operation);
                }
            }
        }
        html.push_str("</section>\n");
    }

    fn operation(&self, html: &mut String, method: &str, path: &str, operation: &Value) {
        let _ = write!(
            html,
            "<details id=\"{}\"><summary><span class=\"method\">{}</span> <span class=\"path\">{}</span>\
             <span class=\"what\">{}</span></summary><div>{}",
            escape(text(&operation["operationId"])),
            method.to_ascii_uppercase(),
            escape(path),
            inline(text(&operation["summary"])),
            prose(text(&operation["description"])),
        );
        let parameters = list(&operation["parameters"]);
        if !parameters.is_empty() {
            html.push_str("<h3>Parameters</h3><table><tr><th>Name</th><th>In</th><th>Type</th><th>Meaning</th></tr>");
            for parameter in parameters {
                let parameter = self.resolve(parameter);
                let needed = if parameter["required"] == true {
                    " (needed)"
                } else {
                    ""
                };
                let _ = write!(
                    html,
                    "<tr><td><code>{}</code>{needed}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                    escape(text(&parameter["name"])),
                    escape(text(&parameter["in"])),
                    kind(&parameter["schema"]),
                    prose(text(&parameter["description"])),
                );
            }
            html.push_str("</table>");
        }
        for (media, body) in fields(&operation["requestBody"]["content"]) {
            let _ = write!(
                html,
                "<h3>Body</h3><p>{} as <code>{}</code></p>",
                kind(&body["schema"]),
                escape(media)
            );
            if let Some(example) = body.get("example") {
                sample(html, "Example", example);
            }
            for (name, example) in fields(&body["examples"]) {
                sample(html, &format!("Example: {name}"), &example["value"]);
            }
        }
        self.responses(html, operation);
        html.push_str("</div></details>\n");
    }

    fn responses(&self, html: &mut String, operation: &Value) {
        html.push_str(
            "<h3>Answers</h3><table><tr><th>Status</th><th>Body</th><th>Meaning</th></tr>",
        );
        for (status, response) in fields(&operation["responses"]) {
            if response.get("$ref").is_some() {
                let _ = write!(
                    html,
                    "<tr><td><a href=\"#refusal-{0}\">{0}</a></td><td><a href=\"#schema-Problem\">Problem</a></td><td></td></tr>",
                    escape(status)
                );
                continue;
            }
            let bodies: Vec<_> = fields(&response["content"])
                .map(|(media, body)| {
                    format!(
                        "{} as <code>{}</code>",
                        kind(&body["schema"]),
                        escape(media)
                    )
                })
                .collect();
            let _ = write!(
                html,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(status),
                bodies.join("<br>"),
                prose(text(&response["description"]))
            );
        }
        html.push_str("</table>");
    }

    fn refusals(&self, html: &mut String) {
        html.push_str("<section id=\"refusals\"><h2>refusals</h2>");
        for (name, response) in fields(&self.document["components"]["responses"]) {
            let status = escape(name.trim_start_matches("Problem"));
            let _ = writeln!(
                html,
                "<h3 id=\"refusal-{status}\">{status}</h3>{}",
                prose(text(&response["description"]))
            );
        }
        html.push_str("</section>\n");
    }

    fn schemas(&self, html: &mut String) {
        html.push_str("<section id=\"schemas\"><h2>schemas</h2>");
        for (name, schema) in fields(&self.document["components"]["schemas"]) {
            let name = escape(name);
            let _ = write!(
                html,
                "<details id=\"schema-{name}\"><summary><code>{name}</code></summary><div>{}<p>{}</p>",
                prose(text(&schema["description"])),
                kind(schema)
            );
            rows(html, schema);
            html.push_str("</div></details>\n");
        }
        html.push_str("</section>\n");
    }

    /// What a reference leads to.
    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let pointer = value["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix('#'));
        let found = pointer.and_then(|pointer| self.document.pointer(pointer));
        found.unwrap_or(value)
    }
}

/// An example in a box.
fn sample(html: &mut String, title: &str, example: &Value) {
    let shown = match example {
        Value::String(text) => text.escape_default().to_string(),
        // Plain data always has a JSON form.
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let _ = write!(
        html,
        "<h4>{}</h4><pre><code>{}</code></pre>",
        escape(title),
        escape(&shown)
    );
}

/// The fields of an object, and of those that it is put together from.
fn rows(html: &mut String, schema: &Value) {
    for part in list(&schema["allOf"]).iter().chain(list(&schema["oneOf"])) {
        if let Some(title) = part["title"].as_str() {
            let _ = write!(html, "<h4>{}</h4>", escape(title));
        }
        rows(html, part);
    }
    if fields(&schema["properties"]).next().is_none() {
        return;
    }
    html.push_str("<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>");
    for (name, field) in fields(&schema["properties"]) {
        let needed = list(&schema["required"]).iter().any(|known| known == name);
        let _ = write!(
            html,
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            if needed { "" } else { " (may be absent)" },
            kind(field),
            prose(text(&field["description"]))
        );
    }
    html.push_str("</table>");
}

/// A schema in a few words, with links to those that have names.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        let name = escape(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        let parts = list(&schema[several]);
        if !parts.is_empty() {
            let glue = if several == "allOf" { " and " } else { " or " };
            return parts.iter().map(kind).collect::<Vec<_>>().join(glue);
        }
    }
    let words = list(&schema["enum"]);
    if !words.is_empty() {
        let words: Vec<_> = words
            .iter()
            .map(|word| format!("<code>{}</code>", escape(text(word))))
            .collect();
        return words.join(", ");
    }
    let mut kinds: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        several => list(several).iter().map(text).collect(),
    };
    kinds.retain(|kind| *kind != "null");
    let mut shown = escape(&kinds.join(" or ")).into_owned();
    if schema["items"].is_object() {
        shown = format!("list of {}", kind(&schema["items"]));
    }
    if let Some(format) = schema["format"].as_str() {
        let _ = write!(shown, " ({})", escape(format));
    }
    let bounds = [("minimum", "from"), ("maximum", "to")];
    for (bound, word) in bounds {
        if let Some(number) = schema[bound].as_number() {
            let _ = write!(shown, " {word} {number}");
        }
    }
    shown
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

/// Text with code in it, in paragraphs and lists.
fn prose(markdown: &str) -> String {
    let mut html = String::new();
    for block in markdown
        .split("\n\n")
        .filter(|block| !block.trim().is_empty())
    {
        let mut lines = block.lines().peekable();
        let mut words = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("- ")) {
            words.push(line);
        }
        if !words.is_empty() {
            let _ = write!(html, "<p>{}</p>", inline(&words.join(" ")));
        }
        let items: Vec<_> = lines.map(|line| line.trim_start_matches("- ")).collect();
        if !items.is_empty() {
            html.push_str("<ul>");
            for item in items {
                let _ = write!(html, "<li>{}</li>", inline(item));
            }
            html.push_str("</ul>");
        }
    }
    html
}

/// A line of text with code in it.
fn inline(markdown: &str) -> String {
    let mut html = String::new();
    for (number, part) in markdown.split('`').enumerate() {
        let part = escape(part);
        let _ = if number % 2 == 1 {
            write!(html, "<code>{part}</code>")
        } else {
            write!(html, "{part}")
        };
    }
    html
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::http::openapi::with_document;

    #[test]
    fn every_link_of_the_page_leads_somewhere() {
        let page = page(&with_document().1);
        let all = |mark: &str| -> HashSet<String> {
            let parts = page.split(mark).skip(1);
            parts
                .filter_map(|part| Some(part.split_once('"')?.0.to_owned()))
                .collect()
        };
        let (links, places) = (all("href=\"#"), all("id=\""));
        let astray: Vec<_> = links.difference(&places).collect();
        assert!(astray.is_empty(), "{astray:?}");
        assert!(links.len() > 40, "{} links", links.len());
        for outside in ["<script", "href=\"http", "src=", "style=\"", "onclick"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(
            prose("a `<b>`\nc\n- d & \"e\"\n- f\n\ng"),
            "<p>a <code>&lt;b&gt;</code> c</p><ul><li>d &amp; &quot;e&quot;</li><li>f</li></ul><p>g</p>"
        );
    }
}
