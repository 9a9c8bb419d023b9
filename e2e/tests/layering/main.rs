//! What each room of the house never knows, so that it stays true: looked up in
//! the manifests (direct dependencies of the normal and build kinds) and in the
//! paths that the sources name.

mod packages;
mod paths;

use std::{fmt::Write, fs};

use crate::{
    packages::{Package, packages, sources},
    paths::{code, names, paths},
};

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
    "muster-backup",
    "muster-blocks",
    "muster-bus",
    "muster-cli",
    "muster-conformance",
    "muster-engine",
    "muster-identity",
    "muster-ingress",
    "muster-logging",
    "muster-migrations",
    "muster-peering",
    "muster-planner",
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
        who: Who::These(&["muster-conformance"]),
        never: &[
            "axum*",
            "muster-api",
            "muster-blocks",
            "muster-ingress",
            "muster-server",
            "muster-store",
            "tokio*",
        ],
        because: "a plugin is held to its contract by the engine alone, without a host",
    },
    Rule {
        who: Who::These(&["muster-logging"]),
        never: &[
            "axum*",
            "http*",
            "hyper*",
            "muster-blocks",
            "muster-engine",
            "muster-ingress",
            "muster-server",
            "muster-store",
            "tokio*",
        ],
        because: "log lines are written whatever else works, on a thread of their own",
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
        who: Who::AllBut(&["muster-bus"]),
        never: &["async-nats"],
        because: "the bus is the one place that names NATS, so that hosts without it are none the wiser",
    },
    Rule {
        who: Who::These(&["muster-bus"]),
        never: &["muster-*", "axum*", "http*", "hyper*"],
        because: "the bus carries names, whatever they are of",
    },
    Rule {
        who: Who::These(&["muster-backup"]),
        never: &[
            "muster-*", "axum*", "http*", "std::fs", "std::net", "tokio*",
        ],
        because: "a backup is read and verified without a host, wherever it is kept",
    },
    Rule {
        who: Who::These(&["muster-identity"]),
        never: &[
            "muster-blocks",
            "muster-engine",
            "muster-ingress",
            "muster-server",
            "muster-store",
        ],
        because: "who somebody is does not depend on what is kept of them or how they ask",
    },
    Rule {
        who: Who::These(&["muster-peering"]),
        never: &["muster-*", "axum*", "http*", "hyper*"],
        because: "trust between hosts does not depend on what they keep or run",
    },
    Rule {
        who: Who::These(&["muster-planner"]),
        never: &["muster-*", "std::fs", "std::net", "std::time", "tokio*"],
        because: "a plan is a function of what is given, so that it can be shown and tested",
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
        who: Who::These(&["muster-console-model"]),
        never: &[
            "leptos*",
            "js-sys",
            "wasm-bindgen*",
            "web-sys",
            "muster-backup",
            "muster-blocks",
            "muster-cli",
            "muster-engine",
            "muster-identity",
            "muster-ingress",
            "muster-logging",
            "muster-migrations",
            "muster-peering",
            "muster-planner",
            "muster-server",
            "muster-store",
            "std::env",
            "std::fs",
            "std::net",
            "tokio*",
        ],
        because: "what the console works out is the same in every browser, and known of the API alone",
    },
    Rule {
        who: Who::Below(&["host", "migrations"]),
        never: &[
            "muster-sdk",
            "muster-router",
            "muster-load-balancer",
            "muster-stager",
            "muster-dea",
            "muster-site",
            "muster-template-*",
        ],
        because: "the host knows plugins by their worlds alone, so that any of them can be replaced",
    },
];

/// All that the words of the API are made of. Each of these builds for wasm32.
const API_IS_MADE_OF: &[&str] = &[
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "time",
    "utoipa",
    "uuid",
];

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
fn the_console_knows_the_words_of_the_api_alone() {
    // It is a workspace of its own, so that its manifest is read by itself.
    let manifest = muster_e2e::workspace().join("frontend/Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("the console is there");
    for line in text.lines().filter(|line| line.starts_with("muster-")) {
        let ours = ["muster-api ", "muster-console-model "];
        assert!(ours.iter().any(|ours| line.starts_with(ours)), "{line}");
    }
    assert!(text.contains("muster-api = { path = \"../host/api\" }"));
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
