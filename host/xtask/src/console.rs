//! The console: `frontend` compiled for browsers, with the bindings to them, its
//! style and its page, each compressed ahead and named after what is in it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    guests,
    project::Project,
    step::{Step, Steps},
    toolchain::{self, CONSOLE_TARGET},
};

/// How many steps [`build`] takes.
pub const STEPS: usize = 2;

const SOURCES: &str = "frontend";
const OUTPUT: &str = "target/console";
/// Where the host looks for the finished files when it is built.
const DIST: &str = "target/console/dist";
/// What cargo makes of the crate.
const COMPILED: &str = "muster_console.wasm";
/// Views become one type each, rather than a type for each way to nest them: code
/// that does the same is there once.
const FLAGS: [&str; 1] = ["--cfg=erase_components"];
/// What browsers are to load at first, compressed, at most.
const MARK: usize = 400 << 10;
/// What is past the mark and still built, as long as the console has not come down to
/// it: it may not grow further.
const MOST: usize = 460 << 10;

/// Sees to the toolchain and builds the console.
///
/// # Errors
/// If the target cannot be had or the console does not build.
pub fn build(project: &Project, steps: &mut Steps) -> Result<()> {
    let toolchain = toolchain::prepare(project, steps, CONSOLE_TARGET)?;
    steps.step("build the console", |step| {
        let output = project.path(OUTPUT);
        let mut cargo = project.cargo();
        cargo
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(project.path(SOURCES).join("Cargo.toml"))
            .args(["--target", CONSOLE_TARGET, "--target-dir"])
            .arg(&output);
        toolchain.configure(&mut cargo, &FLAGS)?;
        step.run(cargo)?;
        let compiled = output.join(CONSOLE_TARGET).join("release").join(COMPILED);
        bundle(project, step, &compiled)
    })
}

fn bundle(project: &Project, step: &Step, compiled: &Path) -> Result<()> {
    let mut bound = Bindgen::new();
    bound
        .input_path(compiled)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true);
    let mut bound = bound.generate_output()?;
    let mut bindings = bound.js().to_owned();
    let mut files = Files::default();
    // Bits of JavaScript that dependencies bring, imported by the bindings.
    for (package, texts) in bound.snippets() {
        for (number, text) in texts.iter().enumerate() {
            let address = files.add("snippet", "js", text.as_bytes());
            let import = format!("./snippets/{package}/inline{number}.js");
            bindings = bindings.replace(&import, &address);
        }
    }
    if bindings.contains("./snippets/") || !bound.local_modules().is_empty() {
        bail!("a dependency of the console brings modules of JavaScript, which are not bundled");
    }
    let program = bound.wasm_mut().emit_wasm();

    let style = files.add("console", "css", style(project)?.as_bytes());
    let program = files.add("console", "wasm", &program);
    let bindings = files.add("console", "js", bindings.as_bytes());
    let start = read(&project.path(SOURCES).join("start.js"))?
        .replace("{bindings}", &bindings)
        .replace("{program}", &program);
    let start = files.add("start", "js", start.as_bytes());
    let icon = files.add(
        "icon",
        "svg",
        read(&project.path(SOURCES).join("icon.svg"))?.as_bytes(),
    );
    let page = read(&project.path(SOURCES).join("index.html"))?
        .replace("{style}", &style)
        .replace("{program}", &program)
        .replace("{bindings}", &bindings)
        .replace("{start}", &start)
        .replace("{icon}", &icon);
    files.put("index.html".to_owned(), page.as_bytes());
    let dist = project.path(DIST);
    let (brotli, gzip) = files.write(&dist)?;
    step.say(&format!(
        "the console is {} KiB over the wire, {} KiB with gzip",
        brotli.div_ceil(1024),
        gzip.div_ceil(1024)
    ));
    if brotli > MOST {
        bail!(
            "the console is larger than {} KiB over the wire",
            MOST >> 10
        );
    }
    if brotli > MARK {
        step.say(&format!(
            "it is to be {} KiB at most, and is not yet",
            MARK >> 10
        ));
    }
    Ok(())
}

/// All styles as one, in the order of their names.
fn style(project: &Project) -> Result<String> {
    let folder = project.path(SOURCES).join("styles");
    let entries = folder
        .read_dir()
        .with_context(|| format!("could not read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    let texts: Vec<String> = paths.iter().map(|path| read(path)).collect::<Result<_>>()?;
    Ok(texts.concat())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}

/// What is to be in the folder.
#[derive(Default)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    /// Adds a file named after its content and returns its address.
    fn add(&mut self, stem: &str, ending: &str, content: &[u8]) -> String {
        let digest = Sha256::digest(content);
        let mark: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = format!("{stem}-{mark}.{ending}");
        let address = format!("/console/{name}");
        self.put(name, content);
        address
    }

    fn put(&mut self, name: String, content: &[u8]) {
        self.0.push((name, content.to_owned()));
    }

    /// Writes all files, compresses them and removes what is left of earlier
    /// builds. Returns how many bytes all take with Brotli, and with gzip.
    fn write(&self, folder: &Path) -> Result<(usize, usize)> {
        fs::create_dir_all(folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let mut kept = Vec::new();
        let (mut brotli, mut gzip) = (0, 0);
        for (name, content) in &self.0 {
            let path = folder.join(name);
            let packed = [format!("{name}.br"), format!("{name}.gz")];
            // Compressing well takes long; equal content needs it once.
            let is_there = fs::read(&path).is_ok_and(|old| old == *content)
                && packed.iter().all(|name| folder.join(name).is_file());
            if !is_there {
                guests::replace(&folder.join(&packed[0]), &with_brotli(content)?)?;
                guests::replace(&folder.join(&packed[1]), &with_gzip(content)?)?;
                guests::replace(&path, content)?;
            }
            brotli += size(&folder.join(&packed[0]))?;
            gzip += size(&folder.join(&packed[1]))?;
            kept.push(name.clone());
            kept.extend(packed);
        }
        for entry in folder.read_dir()? {
            let entry = entry?;
            if !kept
                .iter()
                .any(|name| *name == entry.file_name().to_string_lossy())
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok((brotli, gzip))
    }
}

fn size(path: &Path) -> Result<usize> {
    Ok(usize::try_from(path.metadata()?.len())?)
}

fn with_brotli(content: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut packed, 1 << 16, 11, 22);
    writer.write_all(content)?;
    drop(writer);
    Ok(packed)
}

fn with_gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(content)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_content_and_leftovers_go() {
        let root = tempfile::tempdir().unwrap();
        let write = |content: &str| {
            let mut files = Files::default();
            let address = files.add("a", "js", content.as_bytes());
            files.write(root.path()).unwrap();
            address
        };
        let (one, two) = (write("one"), write("two"));
        assert_ne!(one, two);
        assert!(
            two.starts_with("/console/a-") && two.ends_with(".js"),
            "{two}"
        );
        let mut names: Vec<_> = root
            .path()
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let name = two.strip_prefix("/console/").unwrap();
        assert_eq!(
            names,
            [name.to_owned(), format!("{name}.br"), format!("{name}.gz")]
        );
    }

    #[test]
    fn packed_files_are_smaller_and_not_empty() {
        let text = "muster ".repeat(1_000);
        for packed in [
            with_brotli(text.as_bytes()).unwrap(),
            with_gzip(text.as_bytes()).unwrap(),
        ] {
            assert!(
                !packed.is_empty() && packed.len() < text.len() / 10,
                "{}",
                packed.len()
            );
        }
    }
}
