//! The project that a role plugin begins as: the plugin itself, which works, and
//! the SDK and the contracts that it is built with, so that of what Muster is made
//! of nothing is needed beside the program.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

include!(concat!(env!("OUT_DIR"), "/plugin_files.rs"));

/// The roles that a plugin can be made for.
pub const ROLES: [&str; 4] = ["router", "stager", "dea", "load-balancer"];
/// Where the SDK and the contracts are, in a project.
const VENDOR: &str = "vendor/muster";
/// The longest name of a plugin.
const MAX_NAME: usize = 64;

/// A project in the making.
#[derive(Debug, Clone, Copy)]
pub struct PluginProject<'a> {
    /// The plugin's name, which is that of its crate.
    pub name: &'a str,
    /// The role, one of [`ROLES`].
    pub role: &'a str,
}

impl PluginProject<'_> {
    /// Why a plugin cannot have this name; none if it can.
    pub fn name_problem(name: &str) -> Option<&'static str> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            Some("a plugin's name begins with a letter from a to z")
        } else if !name.chars().all(plain) || name.ends_with('-') || name.contains("--") {
            Some("a plugin's name has letters from a to z, digits, and single hyphens between them")
        } else if name.len() > MAX_NAME {
            Some("a plugin's name has at most 64 characters")
        } else if ["muster-sdk", "test", "core", "std", "alloc"].contains(&name) {
            Some("Rust has a crate of that name already")
        } else {
            None
        }
    }

    /// The component that building the project makes, from its folder on.
    pub fn component(&self) -> String {
        let file = self.name.replace('-', "_");
        format!("target/wasm32-wasip2/release/{file}.wasm")
    }

    /// All files: path, from the project's folder on, and content.
    pub fn files(&self) -> Vec<(String, String)> {
        let plugin = format!("plugins/templates/{}/src/", self.role);
        let begin = FILES.iter().filter_map(|(path, text)| {
            let inside = path.strip_prefix(&plugin)?;
            Some((format!("src/{inside}"), (*text).to_owned()))
        });
        let beside = FILES
            .iter()
            .filter(|(path, _)| !path.starts_with("plugins/templates/"));
        let beside = beside.map(|(path, text)| (format!("{VENDOR}/{path}"), (*text).to_owned()));
        let own = [
            ("Cargo.toml", self.manifest()),
            (".cargo/config.toml", CARGO_CONFIG.to_owned()),
            (".gitignore", "/target\n".to_owned()),
            ("README.md", self.readme()),
        ];
        let own = own.into_iter().map(|(path, text)| (path.to_owned(), text));
        own.chain(begin).chain(beside).collect()
    }

    /// Writes the project into a folder that is not there yet. It appears whole,
    /// or not at all.
    ///
    /// # Errors
    /// If a file cannot be written, with its path.
    pub fn write(&self, folder: &Path) -> Result<(), (PathBuf, io::Error)> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let draft = folder.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let written = self.files().iter().try_for_each(|(path, text)| {
            let path = draft.join(path);
            let parent = path.parent().unwrap_or(&draft);
            let made = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
            made.map_err(|error| (path, error))
        });
        let moved = written
            .and_then(|()| fs::rename(&draft, folder).map_err(|error| (folder.to_owned(), error)));
        if moved.is_err() {
            // What is left of it is of no use; the first error is what counts.
            let _ = fs::remove_dir_all(&draft);
        }
        moved
    }

    fn manifest(&self) -> String {
        let Self { name, role } = self;
        format!(
            r#"[package]
name = "{name}"
# What people see of the plugin, beside its name and its version.
description = "Plays the role {role}"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib"]

[dependencies]
muster-sdk = {{ path = "{VENDOR}/plugins/sdk" }}

# Small, and without unwinding, which WebAssembly lacks.
[profile.release]
codegen-units = 1
lto = "fat"
panic = "abort"
strip = "debuginfo"

[workspace]
exclude = ["vendor"]
"#
        )
    }

    fn readme(&self) -> String {
        let Self { name, role } = self;
        let component = self.component();
        format!(
            r#"# {name}

A plugin for Muster's role `{role}`. It works as it is: change `src/lib.rs`.

```sh
cargo test      # runs the plugin on this machine, with the SDK's stand-ins for a host
cargo plugin    # builds {component}
```

`cargo plugin` is short for `cargo build --release --target wasm32-wasip2`. That target is
installed once, with `rustup target add wasm32-wasip2`.

What the plugin is, and whether it keeps to the contract of its role:

```sh
muster plugin check {component}
muster plugin test {component}
```

Have a host played by it, and go back to the plugin that came with the host:

```sh
muster role add {role} --component {component}
muster role add {role}
```

The SDK lies in `{VENDOR}/plugins/sdk`, and the contract in `{VENDOR}/wit/{role}`. Both are
of the version of Muster that made this project; `cargo doc --open` shows the SDK's pages.
"#
        )
    }
}

const CARGO_CONFIG: &str = r#"[alias]
plugin = "build --release --target wasm32-wasip2"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_of_each_role_has_all_that_it_is_built_with() {
        for role in ROLES {
            let project = PluginProject {
                name: "my-own",
                role,
            };
            let files = project.files();
            let has = |path: &str| files.iter().any(|(known, _)| known == path);
            for path in [
                "Cargo.toml",
                ".cargo/config.toml",
                "README.md",
                "src/lib.rs",
                "vendor/muster/plugins/sdk/Cargo.toml",
                "vendor/muster/plugins/sdk/src/testing/mod.rs",
                "vendor/muster/wit/deps/logging/logging.wit",
                "vendor/muster/wit/lifecycle/lifecycle.wit",
            ] {
                assert!(has(path), "{role}: {path}");
            }
            assert!(
                has(&format!("vendor/muster/wit/{role}/{role}.wit")),
                "{role}"
            );
            let foreign = |path: &str| path.contains("templates") || path.contains("target");
            assert!(!files.iter().any(|(path, _)| foreign(path)), "{files:?}");
            let (_, manifest) = &files[0];
            let table: toml::Table = manifest.parse().unwrap();
            assert_eq!(table["package"]["name"].as_str(), Some("my-own"));
        }
    }

    #[test]
    fn names_are_those_of_crates() {
        for good in ["a", "my-router", "r2"] {
            assert_eq!(PluginProject::name_problem(good), None, "{good}");
        }
        let long = "a".repeat(65);
        for bad in [
            "", "-a", "a-", "a--b", "A", "2a", "a_b", "a/b", "..", "ä", "test", &long,
        ] {
            assert!(PluginProject::name_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_project_appears_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let project = PluginProject {
            name: "own",
            role: "dea",
        };
        let folder = place.path().join("own");
        project.write(&folder).unwrap();
        assert!(folder.join("src/lib.rs").is_file());
        // There is something in the way, which stays.
        assert!(project.write(&folder).is_err());
        assert_eq!(place.path().read_dir().unwrap().count(), 1);
    }
}
