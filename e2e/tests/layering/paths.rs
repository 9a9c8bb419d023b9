//! The paths that sources name.

/// The source without what is in comments and quotes; every line stays.
pub fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest);
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (gone, left) = rest.split_at(skipped);
            code.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = left;
        }
    }
    code
}

/// How long the comment or literal is that begins here; 0 if none does.
fn skipped(rest: &str) -> usize {
    let until = |from: usize, end: &str| {
        let found = rest[from..].find(end);
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    if let Some(raw) = rest.strip_prefix('r') {
        let marks = raw.len() - raw.trim_start_matches('#').len();
        if raw[marks..].starts_with('"') {
            return until(marks + 2, &format!("\"{}", "#".repeat(marks)));
        }
    }
    if rest.starts_with('"') {
        let mut escaped = true;
        let end = rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        // The first quote is taken for an escaped one, since it begins the text.
        return end.map_or(rest.len(), |at| at + 1);
    }
    // The one character that would be taken for the beginning of a text.
    if rest.starts_with("'\"'") { 3 } else { 0 }
}

/// The paths that code names, each with its line: those of `use` in full, and
/// all others that have a `::`.
pub fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(word);
        let mut taken = word;
        match name {
            "" => {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                line += usize::from(rest.starts_with('\n'));
                taken = first;
            }
            "use" if after.starts_with(char::is_whitespace) => {
                let tree = after.split(';').next().unwrap_or_default();
                expand(line, "", tree, &mut found);
                line += tree.matches('\n').count();
                taken += tree.len();
            }
            _ if name.contains("::") => {
                found.push((line, name.trim_start_matches("::").to_owned()));
            }
            _ => {}
        }
        rest = &rest[taken..];
    }
    found
}

/// Whether a character can stand in a path.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

/// Takes the tree of a `use` apart.
fn expand(line: usize, prefix: &str, tree: &str, found: &mut Vec<(usize, String)>) {
    let start = tree.len() - tree.trim_start().len();
    let line = line + tree[..start].matches('\n').count();
    let tree = tree.trim();
    match tree.split_once('{') {
        Some((head, inner)) => {
            let prefix = format!("{prefix}{}", head.trim());
            let inner = inner.strip_suffix('}').unwrap_or(inner);
            let (mut depth, mut from) = (0, 0);
            for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        let lines = inner[..from].matches('\n').count();
                        expand(line + lines, &prefix, &inner[from..at], found);
                        from = at + 1;
                    }
                    _ => {}
                }
            }
        }
        None if tree.is_empty() => {}
        None => {
            let name = tree.split_whitespace().next().unwrap_or_default();
            found.push((
                line,
                format!("{prefix}{name}")
                    .trim_start_matches("::")
                    .to_owned(),
            ));
        }
    }
}

/// Whether a path begins with what must not be named.
pub fn names(path: &str, never: &str) -> bool {
    let never = never.replace('-', "_");
    let mut segments = path.split("::");
    never.split("::").all(|wanted| {
        let segment = segments.next().unwrap_or_default();
        match wanted.strip_suffix('*') {
            Some(start) => segment.starts_with(start),
            None => segment == wanted,
        }
    })
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let source = r##"
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
};
pub(crate) use wasmtime_wasi as wasi;
// use reqwest::Client;
/* tokio::spawn */
const A: &str = "use axum::Json; \" hyper::body";
const B: &str = r#"sqlx::query("a")"#;
fn a(c: char) -> wasmtime::Result<()> {
    let tokio = c == '"';
    ::sea_orm::entity();
    reuse::it();
    if tokio { std::process::exit(1) }
}
"##;
    let found = paths(&code(source));
    let found: Vec<_> = found
        .iter()
        .map(|(line, path)| (*line, path.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (3, "std::collections::BTreeMap"),
            (4, "std::fs::self"),
            (4, "std::fs::File"),
            (5, "std::io"),
            (7, "wasmtime_wasi"),
            (12, "wasmtime::Result"),
            (14, "sea_orm::entity"),
            (15, "reuse::it"),
            (16, "std::process::exit"),
        ]
    );
    for (path, never, wanted) in [
        ("wasmtime_wasi::p2", "wasmtime*", true),
        ("wasmtime", "wasmtime*", true),
        ("std::fs::File", "std::fs", true),
        ("std::fmt", "std::fs", false),
        ("muster_store::Store", "muster-store", true),
        ("muster_stored::Store", "muster-store", false),
        ("crate::wasmtime::x", "wasmtime*", false),
        ("http::header", "http*", true),
    ] {
        assert_eq!(names(path, never), wanted, "{path} {never}");
    }
}
