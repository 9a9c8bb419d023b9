//! What each room of the house never knows, so that it stays true: looked up in
//! the manifests (direct dependencies of the normal and build kinds) and in the
//! paths that the sources name.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use muster_e2e::workspace;
use serde_json::Value;

/// Whom a rule is for.
#[derive(Debug)]
enum Who {
    /// These crates.
    These(&'static [&'static str]),
    /// All crates below these folders.
    Below(&'static [&'static str]),
    /// All crates but these.
    AllBut(&'static [&'static str]),
}

/// One line of the "never" column.
struct Rule {
    who: Who,
    /// Crates as they are called in manifests, and paths of the standard
    /// library. A star at the end stands for anything.
    never: &'static [&'static str],
    because: &'static str,
}

const SQL: &[&str] = &["sea-orm*", "sea-query*", "sqlx*"];
const COMPILER: &[&str] = &["wasmtime*", "cranelift*"];
const HOST: &[&str] = &[
    "muster-api",
    "muster-blocks",
    "muster-cli",
    "muster-engine",
    "muster-ingress",
    "muster-migrations",
    "muster-server",
    "muster-store",
];

const RULES: &[Rule] = &[
    Rule {
        who: Who::AllBut(&["muster-store", "muster-migrations"]),
        never: SQL,
        because: "the store is the one place that names SeaORM, so that the database can change behind it",
    },
    Rule {
        who: Who::AllBut(&["muster-engine"]),
        never: COMPILER,
        because: "the engine is the one place that names wasmtime, with its one configuration",
    },
    Rule {
        who: Who::These(&["muster-api"]),
        never: &[
            "axum*",
            "futures*",
            "hyper*",
            "mio",
            "muster-*",
            "object_store",
            "reqwest",
            "rustix",
            "tokio*",
            "tower*",
            "std::env",
            "std::fs",
            "std::net",
            "std::os",
            "std::process",
            "std::thread",
        ],
        because: "the words of the API are plain data that the console has in the browser too",
    },
    Rule {
        who: Who::These(&["muster-store"]),
        never: &[
            "axum*",
            "http*",
            "hyper*",
            "reqwest",
            "tower*",
            "muster-blocks",
            "muster-engine",
            "muster-ingress",
            "muster-server",
        ],
        because: "the store knows records, not requests, and nothing of what runs",
    },
    Rule {
        who: Who::These(&["muster-engine"]),
        never: &[
            "axum*",
            "muster-blocks",
            "muster-ingress",
            "muster-server",
            "muster-store",
        ],
        because: "the engine runs what it is given, wherever that is kept and whoever asks",
    },
    Rule {
        who: Who::These(&["muster-blocks"]),
        never: &[
            "axum*",
            "muster-engine",
            "muster-ingress",
            "muster-server",
            "muster-store",
        ],
        because: "the block store does not know what the bytes mean",
    },
    Rule {
        who: Who::These(&["muster-ingress"]),
        never: &["axum*", "muster-blocks", "muster-server", "muster-store"],
        because: "the data path serves its last table when the state cannot be read",
    },
    Rule {
        who: Who::These(&["muster-server"]),
        never: &["muster-cli", "muster-migrations", "object_store"],
        because: "the server rules over rooms, not over what is in their walls",
    },
    Rule {
        who: Who::These(&["muster-cli"]),
        never: &[
            "muster-blocks",
            "muster-engine",
            "muster-ingress",
            "muster-store",
        ],
        because: "the command line speaks to a host over the public API, as everybody does",
    },
    Rule {
        who: Who::These(&["muster-migrations"]),
        never: &["muster-*"],
        because: "history must not change when the entities do",
    },
    Rule {
        who: Who::Below(&["plugins", "e2e/fixtures"]),
        never: HOST,
        because: "a plugin knows the host by its world alone, as those of third parties do",
    },
    Rule {
        who: Who::Below(&["host", "migrations"]),
        never: &[
            "muster-sdk",
            "muster-router",
            "muster-stager",
            "muster-dea",
            "muster-site",
        ],
        because: "the host knows plugins by their worlds alone, so that any of them can be replaced",
    },
];

/// All that the words of the API are made of. Each of these builds for wasm32.
const API_IS_MADE_OF: &[&str] = &["serde", "serde_json", "thiserror", "time", "utoipa", "uuid"];

struct Package {
    name: String,
    folder: PathBuf,
    dependencies: Vec<String>,
}

impl Package {
    /// Its folder, from the workspace's on.
    fn place(&self) -> &Path {
        let root = workspace().canonicalize().expect("the workspace is there");
        self.folder
            .strip_prefix(root)
            .expect("it is in the workspace")
    }

    fn is(&self, who: &Who) -> bool {
        let name = self.name.as_str();
        match who {
            Who::These(names) => names.contains(&name),
            Who::Below(folders) => folders
                .iter()
                .any(|folder| self.place().starts_with(folder)),
            Who::AllBut(names) => !names.contains(&name),
        }
    }

    /// The line of the manifest that names a dependency.
    fn line_of(&self, dependency: &str) -> usize {
        let text = fs::read_to_string(self.folder.join("Cargo.toml")).expect("a manifest");
        let names = |line: &str| {
            let rest = line.trim_start().strip_prefix(dependency);
            rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        text.lines().position(names).map_or(1, |at| at + 1)
    }
}

/// The packages of the workspace.
fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let package = |package: &Value| Package {
        name: text(&package["name"]),
        folder: Path::new(&text(&package["manifest_path"]))
            .parent()
            .expect("a folder")
            .to_owned(),
        dependencies: package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(&dependency["name"]))
            .collect(),
    };
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(package)
        .collect()
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The source without what is in comments and quotes; every line stays.
fn code(source: &str) -> String {
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
fn paths(code: &str) -> Vec<(usize, String)> {
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
                found.push((line, name.trim_start_matches("::").to_owned()))
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
fn names(path: &str, never: &str) -> bool {
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

/// Whether a dependency is what must not be one.
fn depends(dependency: &str, never: &str) -> bool {
    match never.strip_suffix('*') {
        Some(start) => dependency.starts_with(start),
        None => dependency == never,
    }
}

/// Where a package breaks a rule, a line each.
fn breaches(package: &Package, rule: &Rule) -> String {
    let mut told = String::new();
    for never in rule.never {
        for dependency in package
            .dependencies
            .iter()
            .filter(|name| depends(name, never))
        {
            let (place, line) = (package.place().display(), package.line_of(dependency));
            let _ = writeln!(
                told,
                "{place}/Cargo.toml:{line}: {dependency}; {}",
                rule.because
            );
        }
    }
    for file in sources(&package.folder.join("src")) {
        let source = fs::read_to_string(&file).expect("a source file");
        for (line, path) in paths(&code(&source)) {
            // A crate's own paths are never those of another.
            let is_own = names(&path, &package.name);
            if !is_own && rule.never.iter().any(|never| names(&path, never)) {
                let inside = file
                    .strip_prefix(&package.folder)
                    .expect("it is in the package");
                let place = package.place().join(inside);
                let _ = writeln!(told, "{}:{line}: {path}; {}", place.display(), rule.because);
            }
        }
    }
    told
}

#[test]
fn no_room_knows_what_it_must_not() {
    let packages = packages();
    let mut told = String::new();
    for rule in RULES {
        let mut meant = packages
            .iter()
            .filter(|package| package.is(&rule.who))
            .peekable();
        assert!(meant.peek().is_some(), "{:?} are no crates", rule.who);
        for package in meant {
            told.push_str(&breaches(package, rule));
        }
    }
    assert!(told.is_empty(), "\n{told}");
}

#[test]
fn every_rule_speaks_of_crates_that_there_are() {
    let packages = packages();
    let is_there = |name: &str| packages.iter().any(|package| package.name == name);
    for rule in RULES {
        if let Who::These(names) | Who::AllBut(names) = rule.who {
            assert!(names.iter().all(|name| is_there(name)), "{names:?}");
        }
        let ours = rule
            .never
            .iter()
            .filter(|name| name.starts_with("muster-") && !name.ends_with('*'));
        for name in ours {
            assert!(is_there(name), "{name}");
        }
    }
    assert!(HOST.iter().all(|name| is_there(name)));
}

#[test]
fn the_words_of_the_api_are_made_of_little() {
    let packages = packages();
    let api = packages
        .iter()
        .find(|package| package.name == "muster-api")
        .expect("it is there");
    for dependency in &api.dependencies {
        let line = api.line_of(dependency);
        assert!(
            API_IS_MADE_OF.contains(&dependency.as_str()),
            "host/api/Cargo.toml:{line}: {dependency} is new here; does it build for wasm32 and do no IO?"
        );
    }
}

#[test]
fn a_folders_name_is_its_crates_last_word() {
    for package in packages() {
        let folder = package
            .folder
            .file_name()
            .and_then(|name| name.to_str())
            .expect("text");
        let place = package.place().display();
        assert!(
            package.name.ends_with(&format!("-{folder}")),
            "{place}: {}",
            package.name
        );
    }
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

#[test]
fn a_breach_is_told_with_file_and_line() {
    let packages = packages();
    let server = packages
        .iter()
        .find(|package| package.name == "muster-server")
        .expect("it is there");
    let rule = Rule {
        who: Who::These(&["muster-server"]),
        never: &["muster-store", "axum"],
        because: "this is a test",
    };
    let told = breaches(server, &rule);
    for start in [
        "host/server/Cargo.toml:",
        "host/server/src/http/mod.rs:",
        "host/server/src/boot.rs:",
    ] {
        let is_told = |line: &str| {
            let number = line
                .strip_prefix(start)
                .and_then(|rest| rest.split(':').next());
            number.is_some_and(|number| number.parse::<usize>().is_ok_and(|number| number > 1))
        };
        assert!(told.lines().any(is_told), "{start} {told}");
    }
}
