//! Guests: role plugins, samples and fixtures as components.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    project::Project,
    step::Steps,
    toolchain::{GUEST_TARGET, Toolchain},
};

/// The role plugins and the site server, which every host carries.
const BUILT_IN: [&str; 5] = [
    "plugins/router",
    "plugins/stager",
    "plugins/dea",
    "plugins/load-balancer",
    "plugins/site",
];
/// Folders whose every crate is a guest.
const COLLECTIONS: [&str; 2] = ["plugins/samples", "e2e/fixtures"];

/// The file, in `target/guests`, of the variables with which cargo builds guests on
/// this machine: a line `NAME=VALUE` for each, `NAME` alone for what is not to be
/// set.
const SETTINGS: &str = "cargo.env";

/// A crate that becomes a component.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    /// The name of its folder, and so of the file in `target/guests/dist`.
    name: String,
    /// The name of its package.
    package: String,
    /// The file that cargo makes of it.
    artifact: String,
}

/// The folder of the finished components.
pub fn dist(project: &Project) -> PathBuf {
    project.path("target/guests/dist")
}

/// Builds guests as one step: those named, or all.
///
/// # Errors
/// If a name is not a guest's, or a guest does not build.
pub fn build(
    project: &Project,
    toolchain: &Toolchain,
    names: &[String],
    steps: &mut Steps,
) -> Result<()> {
    let guests = select(discover(project.root())?, names)?;
    steps.step("build guests", |step| {
        let output = project.path("target/guests");
        let mut cargo = project.cargo();
        cargo
            .args([
                "build",
                "--profile",
                "guest",
                "--target",
                GUEST_TARGET,
                "--target-dir",
            ])
            .arg(&output);
        for guest in &guests {
            cargo.args(["--package", &guest.package]);
        }
        toolchain.configure(&mut cargo, &[])?;
        let settings = settings(&cargo);
        step.run(cargo)?;
        // For whoever builds a guest elsewhere, such as a test.
        replace(&output.join(SETTINGS), settings.as_bytes())?;

        let built = output.join(GUEST_TARGET).join("guest");
        let dist = dist(project);
        fs::create_dir_all(&dist)
            .with_context(|| format!("could not create {}", dist.display()))?;
        for guest in &guests {
            let from = built.join(&guest.artifact);
            let bytes = fs::read(&from).with_context(|| {
                format!(
                    "{} made no {}: is its crate-type `cdylib`?",
                    guest.package,
                    from.display()
                )
            })?;
            replace(&dist.join(format!("{}.wasm", guest.name)), &bytes)?;
        }
        Ok(())
    })
}

/// The variables that a call of cargo sets or leaves out.
fn settings(cargo: &Command) -> String {
    let mut text = String::new();
    for (name, value) in cargo.get_envs() {
        text.push_str(&name.to_string_lossy());
        if let Some(value) = value {
            text.push('=');
            text.push_str(&value.to_string_lossy());
        }
        text.push('\n');
    }
    text
}

/// Puts a file in its place at once, and only if it differs, so that what
/// depends on it is not built again for nothing.
///
/// # Errors
/// If the folder cannot be written to.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&draft, bytes)
        .and_then(|()| fs::rename(&draft, path))
        .with_context(|| format!("could not write {}", path.display()))
}

fn discover(root: &Path) -> Result<Vec<Guest>> {
    let mut folders: Vec<PathBuf> = BUILT_IN.iter().map(|folder| root.join(folder)).collect();
    for collection in COLLECTIONS {
        let Ok(entries) = root.join(collection).read_dir() else {
            continue;
        };
        let mut crates = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.join("Cargo.toml").is_file() {
                crates.push(path);
            }
        }
        crates.sort();
        folders.extend(crates);
    }
    folders.iter().map(|folder| read(folder)).collect()
}

fn read(folder: &Path) -> Result<Guest> {
    let manifest = folder.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("could not read {}", manifest.display()))?;
    let table: toml::Table = text
        .parse()
        .with_context(|| format!("{} is not TOML", manifest.display()))?;
    let package = table
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str)
        .with_context(|| format!("{} names no package", manifest.display()))?
        .to_owned();
    let name = folder
        .file_name()
        .context("a guest's folder has no name")?
        .to_string_lossy()
        .into_owned();
    // Cargo names programs after the package, libraries after the crate.
    let program = folder.join("src/main.rs").is_file();
    let stem = if program {
        package.clone()
    } else {
        package.replace('-', "_")
    };
    Ok(Guest {
        name,
        package,
        artifact: format!("{stem}.wasm"),
    })
}

fn select(guests: Vec<Guest>, names: &[String]) -> Result<Vec<Guest>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| guests.iter().all(|guest| guest.name != **name))
    {
        let known: Vec<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
        bail!(
            "there is no guest '{unknown}'; there are: {}",
            known.join(", ")
        );
    }
    Ok(guests
        .into_iter()
        .filter(|guest| names.is_empty() || names.contains(&guest.name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (folder, package) in [
            ("plugins/router", "muster-router"),
            ("plugins/stager", "muster-stager"),
            ("plugins/dea", "muster-dea"),
            ("plugins/load-balancer", "muster-load-balancer"),
            ("plugins/site", "muster-site"),
            ("plugins/samples/hello", "sample-hello"),
            ("e2e/fixtures/echo", "fixture-echo"),
        ] {
            let folder = root.path().join(folder);
            fs::create_dir_all(folder.join("src")).unwrap();
            fs::write(
                folder.join("Cargo.toml"),
                format!("[package]\nname = \"{package}\"\n"),
            )
            .unwrap();
        }
        fs::create_dir_all(root.path().join("plugins/samples/pages")).unwrap();
        fs::write(root.path().join("e2e/fixtures/echo/src/main.rs"), "").unwrap();
        root
    }

    #[test]
    fn guests_are_found_by_folder() {
        let root = project();
        let guests = discover(root.path()).unwrap();
        let names: Vec<_> = guests.iter().map(|guest| guest.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "router",
                "stager",
                "dea",
                "load-balancer",
                "site",
                "hello",
                "echo"
            ]
        );
        assert_eq!(guests[0].artifact, "muster_router.wasm");
        assert_eq!(guests[6].artifact, "fixture-echo.wasm");
    }

    #[test]
    fn a_subset_is_chosen_by_name() {
        let root = project();
        let chosen = select(
            discover(root.path()).unwrap(),
            &["hello".to_owned(), "dea".to_owned()],
        )
        .unwrap();
        let packages: Vec<_> = chosen.iter().map(|guest| guest.package.as_str()).collect();
        assert_eq!(packages, ["muster-dea", "sample-hello"]);
        let error = select(discover(root.path()).unwrap(), &["nope".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("no guest 'nope'"), "{error}");
    }

    #[test]
    fn settings_are_a_line_each() {
        let mut command = Command::new("cargo");
        command.env("B", "one=two three").env_remove("A");
        assert_eq!(settings(&command), "A\nB=one=two three\n");
    }

    #[test]
    fn an_equal_file_keeps_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        replace(&path, b"one").unwrap();
        let old = fs::File::options().write(true).open(&path).unwrap();
        let then = std::time::SystemTime::UNIX_EPOCH;
        old.set_modified(then).unwrap();
        replace(&path, b"one").unwrap();
        assert_eq!(path.metadata().unwrap().modified().unwrap(), then);
        replace(&path, b"two").unwrap();
        assert_ne!(path.metadata().unwrap().modified().unwrap(), then);
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
