//! Embeds the bundled components, which `cargo xtask guests` has built.

use std::{env, fmt::Write, fs, path::PathBuf};

/// The components that come with every host.
const BUNDLED: &[&str] = &["router", "stager", "dea", "site"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../../target/guests/dist");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut source = String::from("pub(crate) const BUNDLED: &[(&str, &[u8])] = &[\n");
    for name in BUNDLED {
        let path = root.join(format!("{name}.wasm"));
        println!("cargo::rerun-if-changed={}", path.display());
        match path.canonicalize() {
            Ok(path) => {
                writeln!(source, "    ({name:?}, include_bytes!({path:?})),")
                    .expect("strings grow");
            }
            Err(_) => println!(
                "cargo::warning={name}.wasm is missing, so this host cannot play its part; run `cargo xtask guests`"
            ),
        }
    }
    source.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("bundled.rs");
    fs::write(out, source).expect("OUT_DIR can be written");
}
