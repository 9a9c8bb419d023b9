//! Components from foreign toolchains, for the end-to-end tests: an app in
//! Python and one in JavaScript.
//!
//! Tools and results stay in the cache until what they are made of changes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    debian, guests,
    project::{Project, search_path},
    step::{Step, ask},
};

/// What the step is called.
pub const TITLE: &str = "build apps in other languages";

const SOURCES: &str = "e2e/fixtures-foreign";
const WORLD: &str = "app";
const COMPONENT: &str = "app.wasm";
/// The release of WASI that our WIT names, and the one that componentize-js
/// insists on: its engine answers fetch events through just that export.
const OUR_WASI: &str = "@0.2.0";
const JAVASCRIPT_WASI: &str = "@0.2.10";

/// Builds both apps into `target/guests/dist`.
///
/// # Errors
/// If a tool cannot be installed or an app does not build.
pub fn prepare(project: &Project, step: &Step) -> Result<()> {
    let dist = guests::dist(project);
    fs::create_dir_all(&dist).with_context(|| format!("could not create {}", dist.display()))?;
    for (name, build) in [("python", python as Build), ("javascript", javascript)] {
        let cache = project.cache().join("fixtures").join(name);
        let component = build(project, step, &cache)
            .with_context(|| format!("could not build the app in {name}"))?;
        let bytes = fs::read(&component)
            .with_context(|| format!("could not read {}", component.display()))?;
        guests::replace(&dist.join(format!("{name}.wasm")), &bytes)?;
    }
    Ok(())
}

type Build = fn(&Project, &Step, &Path) -> Result<PathBuf>;

fn python(project: &Project, step: &Step, cache: &Path) -> Result<PathBuf> {
    let source = project.path(SOURCES).join("python");
    let (app, wit) = (source.join("app.py"), project.path(SOURCES).join("wit"));
    let requirements = source.join("requirements.txt");
    let programs = virtual_environment(step, &cache.join("venv"), &requirements)?;

    let folder = cache.join("app");
    once(&folder, &contents(&[&requirements, &app, &wit])?, || {
        // Python leaves compiled files beside its sources.
        copy_into(&app, &folder)?;
        let mut command = Command::new(programs.join("componentize-py"));
        command.current_dir(&folder).arg("--wit-path").arg(&wit);
        command.args([
            "--world",
            WORLD,
            "componentize",
            "app",
            "--output",
            COMPONENT,
        ]);
        step.run(command)
    })?;
    Ok(folder.join(COMPONENT))
}

fn javascript(project: &Project, step: &Step, cache: &Path) -> Result<PathBuf> {
    let source = project.path(SOURCES).join("javascript");
    let (app, wit) = (source.join("app.js"), project.path(SOURCES).join("wit"));
    let programs = node(project, step)?;
    let path = search_path(&[&programs])?;

    let modules = cache.join("npm");
    let manifest = source.join("package.json");
    once(&modules, &contents(&[&manifest])?, || {
        copy_into(&manifest, &modules)?;
        let mut command = Command::new(programs.join("npm"));
        command.current_dir(&modules).env("PATH", &path);
        command.args([
            "install",
            "--no-package-lock",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ]);
        step.run(command)
    })?;

    let folder = cache.join("app");
    once(&folder, &contents(&[&manifest, &app, &wit])?, || {
        copy_into(&app, &folder)?;
        adapt(&wit, &folder.join("wit"))?;
        let mut command = Command::new(modules.join("node_modules/.bin/componentize-js"));
        command.current_dir(&folder).env("PATH", &path);
        command.args([
            "app.js",
            "--wit",
            "wit",
            "--world-name",
            WORLD,
            "--out",
            COMPONENT,
        ]);
        step.run(command)
    })?;
    Ok(folder.join(COMPONENT))
}

/// The folder with the programs `node` and `npm`.
///
/// # Errors
/// If they cannot be installed.
pub fn node(project: &Project, step: &Step) -> Result<PathBuf> {
    let requirements = project.path(SOURCES).join("javascript/requirements.txt");
    let folder = project.cache().join("fixtures/javascript/venv");
    virtual_environment(step, &folder, &requirements)
}

/// The program that tests the API against its description.
///
/// # Errors
/// If it cannot be installed.
pub fn schemathesis(project: &Project, step: &Step) -> Result<PathBuf> {
    let requirements = project.path("e2e/schemathesis/requirements.txt");
    let folder = project.cache().join("fixtures/schemathesis");
    let programs = virtual_environment(step, &folder, &requirements)
        .context("could not install schemathesis")?;
    Ok(programs.join("schemathesis"))
}

/// The programs of a virtual environment of Python with what `requirements`
/// pins.
///
/// # Errors
/// If it cannot be installed.
pub fn virtual_environment(step: &Step, folder: &Path, requirements: &Path) -> Result<PathBuf> {
    if ask(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_err() {
        debian::install(step, &["python3-venv"])?;
    }
    once(folder, &contents(&[requirements])?, || {
        let mut create = Command::new("python3");
        create.args(["-m", "venv"]).arg(folder);
        step.run(create)?;
        let mut install = Command::new(folder.join("bin/pip"));
        install
            .args([
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--requirement",
            ])
            .arg(requirements);
        step.run(install)
    })?;
    Ok(folder.join("bin"))
}

/// Fills a folder anew unless it was filled, to the end, from the same `key`.
///
/// # Errors
/// What `fill` returns, or if the folder cannot be written.
pub fn once(folder: &Path, key: &str, fill: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = folder.join("made-of.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == key) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("could not remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    fill()?;
    fs::write(&stamp, key).with_context(|| format!("could not write {}", stamp.display()))
}

/// The text of all files at or below the paths, each under its name.
///
/// # Errors
/// If one cannot be read.
pub fn contents(paths: &[&Path]) -> Result<String> {
    let mut all = String::new();
    for path in paths {
        for file in files(path)? {
            let text = fs::read_to_string(&file)
                .with_context(|| format!("could not read {}", file.display()))?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            all.push_str(&format!("{name}\n{text}\n"));
        }
    }
    Ok(all)
}

/// The files at or below a path, in order.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<PathBuf> = path
        .read_dir()
        .with_context(|| format!("could not read {}", path.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    entries.sort();
    let below: Vec<Vec<PathBuf>> = entries
        .iter()
        .map(|entry| files(entry))
        .collect::<Result<_>>()?;
    Ok(below.concat())
}

/// Copies our WIT with the release of WASI that componentize-js insists on.
fn adapt(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let text = fs::read_to_string(&file)?.replace(OUR_WASI, JAVASCRIPT_WASI);
        let target = to.join(file.strip_prefix(from)?);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&target, text)
            .with_context(|| format!("could not write {}", target.display()))?;
    }
    Ok(())
}

/// Copies a file into a folder, under its name.
///
/// # Errors
/// If it cannot be copied.
pub fn copy_into(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, folder.join(name))
        .with_context(|| format!("could not copy {}", file.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_filled_once_per_key() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        let mut fills = 0;
        let mut fill = |key: &str, ok: bool| {
            once(&folder, key, || {
                fills += 1;
                assert!(!folder.join("leftover").exists());
                fs::write(folder.join("leftover"), "")?;
                if ok { Ok(()) } else { anyhow::bail!("no") }
            })
            .is_ok()
        };
        assert!(!fill("one", false));
        assert!(fill("one", true));
        assert!(fill("one", true));
        assert!(fill("two", true));
        assert_eq!(fills, 3);
    }

    #[test]
    fn contents_tell_every_file() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("wit");
        fs::create_dir_all(folder.join("deps")).unwrap();
        fs::write(
            folder.join("world.wit"),
            "package a:b@0.1.0; // wasi:io@0.2.0",
        )
        .unwrap();
        fs::write(folder.join("deps/io.wit"), "package wasi:io@0.2.0;").unwrap();
        let before = contents(&[&folder]).unwrap();
        assert!(before.contains("io.wit\npackage wasi:io"), "{before}");
        adapt(&folder, &root.path().join("js")).unwrap();
        let io = fs::read_to_string(root.path().join("js/deps/io.wit")).unwrap();
        assert_eq!(io, "package wasi:io@0.2.10;");
        fs::write(folder.join("deps/io.wit"), "package wasi:io@0.2.1;").unwrap();
        assert_ne!(contents(&[&folder]).unwrap(), before);
    }
}
