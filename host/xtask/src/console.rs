//! The console: `frontend` compiled for browsers and cut into what is loaded at first and
//! what is loaded later, with the bindings to browsers, its style and its page, each
//! compressed ahead and named after what is in it.

mod files;
mod split;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use self::{
    files::{Files, Sizes},
    split::Split,
};
use crate::{
    project::Project,
    step::{Step, Steps},
    toolchain::{self, CONSOLE_TARGET},
};

/// How many steps [`build`] takes.
pub const STEPS: usize = 2;

const SOURCES: &str = "frontend";
const OUTPUT: &str = "target/console";
/// Where the program is cut into parts.
const PARTS: &str = "target/console/parts";
/// Where the host looks for the finished files when it is built.
const DIST: &str = "target/console/dist";
/// What cargo makes of the crate.
const COMPILED: &str = "muster_console.wasm";
/// Views become one type each, rather than a type for each way to nest them: code
/// that does the same is there once.
const FLAGS: [&str; 1] = ["--cfg=erase_components"];
/// Relocations say what each function needs, by which the program is cut into parts.
const LINKED: &str = "-Clink-args=--emit-relocs";
/// What browsers load at first, compressed, at most.
const MARK: usize = 400 << 10;

/// Sees to the toolchain and builds the console.
///
/// # Errors
/// If the target cannot be had, or the console does not build or is too large.
pub fn build(project: &Project, steps: &mut Steps) -> Result<()> {
    let toolchain = toolchain::prepare(project, steps, CONSOLE_TARGET)?;
    steps.step("build the console", |step| {
        let output = project.path(OUTPUT);
        let mut cargo = project.cargo();
        cargo
            .args(["rustc", "--release", "--locked", "--manifest-path"])
            .arg(project.path(SOURCES).join("Cargo.toml"))
            .args(["--target", CONSOLE_TARGET, "--target-dir"])
            .arg(&output)
            .args(["--", LINKED]);
        toolchain.configure(&mut cargo, &FLAGS)?;
        step.run(cargo)?;
        let compiled = output.join(CONSOLE_TARGET).join("release").join(COMPILED);
        bundle(project, step, &compiled)
    })
}

fn bundle(project: &Project, step: &Step, compiled: &Path) -> Result<()> {
    let split = Split::of(compiled, &project.path(PARTS))?;
    let mut bound = Bindgen::new();
    bound
        .input_path(&split.main)
        .web(true)?
        .typescript(false)
        // What the parts need of each other has names that the linker made.
        .keep_lld_exports(true)
        .demangle(false)
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
    let linked = split.link(bindings, &mut files)?;
    let start = read(&project.path(SOURCES).join("start.js"))?
        .replace("{bindings}", &linked.bindings)
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
        .replace("{bindings}", &linked.bindings)
        .replace("{link}", &linked.link)
        .replace("{start}", &start)
        .replace("{icon}", &icon);
    files.put("index.html".to_owned(), page.as_bytes());
    tell(step, &files.write(&project.path(DIST))?)
}

/// Says how large the console is.
fn tell(step: &Step, sizes: &Sizes) -> Result<()> {
    let kib = |bytes: usize| bytes.div_ceil(1024);
    step.say(&format!(
        "the console is {} KiB over the wire at first, {} KiB with gzip; with all pages {} and {} KiB",
        kib(sizes.first.brotli),
        kib(sizes.first.gzip),
        kib(sizes.all.brotli),
        kib(sizes.all.gzip),
    ));
    if sizes.first.brotli > MARK {
        bail!(
            "the console is larger than {} KiB over the wire at first",
            kib(MARK)
        );
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
