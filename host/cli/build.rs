//! Embeds what `muster plugin new` needs: the SDK and the contracts, which it
//! puts beside each plugin, and what the plugins of each role begin as.

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// The folders of the project whose files are embedded.
const FOLDERS: &[&str] = &["plugins/sdk", "plugins/templates", "wit"];

fn main() {
    let root =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let root = root.canonicalize().expect("the project is there");
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut source = String::from("const FILES: &[(&str, &str)] = &[\n");
    for file in files {
        let name = file.strip_prefix(&root).expect("it is in the project");
        writeln!(source, "    ({name:?}, include_str!({file:?})),").expect("strings grow");
    }
    source.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("plugin_files.rs"), source).expect("OUT_DIR can be written");
}

/// The sources and manifests below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|it| it == "rs" || it == "wit" || it == "toml")
        {
            files.push(path);
        }
    }
}
