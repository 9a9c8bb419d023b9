//! Embeds the bundled components, which `cargo xtask guests` has built, and the
//! console, which `cargo xtask console` has.

use std::{env, fmt::Write, fs, path::PathBuf};

/// The components that come with every host.
const BUNDLED: &[&str] = &["router", "stager", "dea", "load-balancer", "site"];

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
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("bundled.rs"), source).expect("OUT_DIR can be written");
    fs::write(out.join("console.rs"), console()).expect("OUT_DIR can be written");
}

/// The console's files: as they are, with Brotli, and with gzip.
fn console() -> String {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../../target/console/dist");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut names: Vec<String> = fs::read_dir(&root)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.ends_with(".br") && !name.ends_with(".gz") && !name.ends_with(".tmp"))
        .collect();
    names.sort();
    // Copies, since a console that is built meanwhile takes the files away.
    let kept = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("console");
    fs::create_dir_all(&kept).expect("OUT_DIR can be written");
    let mut source = String::from("const FILES: &[File] = &[\n");
    for name in names {
        let embed = |ending: &str| {
            let file = format!("{name}{ending}");
            let path = kept.join(&file);
            fs::copy(root.join(&file), &path).expect("the console's files are there");
            format!("include_bytes!({path:?})")
        };
        let (plain, brotli, gzip) = (embed(""), embed(".br"), embed(".gz"));
        writeln!(
            source,
            "    File {{ name: {name:?}, plain: {plain}, brotli: {brotli}, gzip: {gzip} }},"
        )
        .expect("strings grow");
    }
    source.push_str("];\n");
    source
}
