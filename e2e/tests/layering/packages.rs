//! The crates of the workspace, as their manifests have them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use muster_e2e::workspace;
use serde_json::Value;

use crate::Who;

/// A crate of the workspace.
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    pub dependencies: Vec<String>,
}

impl Package {
    /// Its folder, from the workspace's on.
    pub fn place(&self) -> &Path {
        let root = workspace().canonicalize().expect("the workspace is there");
        self.folder
            .strip_prefix(root)
            .expect("it is in the workspace")
    }

    pub fn is(&self, who: &Who) -> bool {
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
    pub fn line_of(&self, dependency: &str) -> usize {
        let text = fs::read_to_string(self.folder.join("Cargo.toml")).expect("a manifest");
        let names = |line: &str| {
            let rest = line.trim_start().strip_prefix(dependency);
            rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        text.lines().position(names).map_or(1, |at| at + 1)
    }
}

/// The packages of the workspace.
pub fn packages() -> Vec<Package> {
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
pub fn sources(folder: &Path) -> Vec<PathBuf> {
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
