//! A standard library for a WebAssembly target, built from the source in
//! Debian's packages.
//!
//! `/usr` stays untouched: the result is a sysroot of its own in the user's
//! cache.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    debian,
    project::Project,
    step::{Step, ask},
    toolchain::holds_std,
};

const PACKAGES: [&str; 6] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-llvm",
    "lld-22",
    "wasi-libc",
];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LINKER: &str = "/usr/bin/wasm-ld-22";
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";

/// A sysroot for one target, ready for use.
pub struct Sysroot {
    path: PathBuf,
}

impl Sysroot {
    /// Installs the packages that are missing and builds the sysroot unless
    /// the cache has it.
    ///
    /// # Errors
    /// If a package cannot be installed or the library does not build.
    pub fn prepare(project: &Project, step: &Step, target: &str) -> Result<Self> {
        debian::install(step, &PACKAGES)?;
        let about = ask(Command::new(RUSTC).arg("-vV"))?;
        let release = field(&about, "release")?;
        let path = project.cache().join(format!("sysroot-{release}-{target}"));
        // It comes to its place by a rename, so if it is there, it is whole.
        if !path.is_dir() {
            build(project, step, target, field(&about, "host")?, &path)?;
        }
        Ok(Self { path })
    }

    /// The folder to give to `rustc --sysroot`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The compiler that understands this sysroot.
    pub fn rustc(&self) -> &Path {
        Path::new(RUSTC)
    }

    /// The folder of the linkers for the target.
    pub fn tools(&self) -> PathBuf {
        self.path.join("bin")
    }
}

fn build(project: &Project, step: &Step, target: &str, host: &str, path: &Path) -> Result<()> {
    let work = project
        .cache()
        .join(format!("build-{target}-{}", std::process::id()));
    let result =
        build_in(&work, step, target, host).and_then(|sysroot| match fs::rename(&sysroot, path) {
            // Another call was faster; its result is as good.
            Err(_) if path.is_dir() => Ok(()),
            renamed => renamed.with_context(|| format!("could not create {}", path.display())),
        });
    // A leftover costs only room; the build's own result is what counts.
    let _ = fs::remove_dir_all(&work);
    result
}

fn build_in(work: &Path, step: &Step, target: &str, host: &str) -> Result<PathBuf> {
    let stub = work.join("stub");
    fs::create_dir_all(stub.join("src"))
        .with_context(|| format!("could not create {}", stub.display()))?;
    fs::write(
        stub.join("Cargo.toml"),
        "[package]\nname = \"stub\"\nedition = \"2021\"\n\n[workspace]\n",
    )?;
    fs::write(stub.join("src/lib.rs"), "")?;

    let output = work.join("target");
    let mut cargo = Command::new(CARGO);
    cargo
        .current_dir(&stub)
        .args([
            "build",
            "--release",
            "-Zbuild-std=std,panic_abort",
            "--target",
            target,
            "--target-dir",
        ])
        .arg(&output)
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        // Without bitcode in these libraries, guests could not use fat LTO.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "LD_LIBRARY_PATH",
    ] {
        cargo.env_remove(name);
    }
    step.run(cargo)
        .context("could not build Rust's standard library")?;

    let sysroot = work.join("sysroot");
    let libraries = sysroot.join("lib/rustlib").join(target).join("lib");
    fs::create_dir_all(&libraries)?;
    collect(&output.join(target).join("release"), &libraries)?;
    if !holds_std(&libraries) {
        bail!(
            "{CARGO} built no standard library for {target}: Debian's cargo-web must have changed"
        );
    }
    if target == "wasm32-wasip2" {
        let own = libraries.join("self-contained");
        fs::create_dir_all(&own)?;
        for name in ["crt1-command.o", "crt1-reactor.o", "libc.a"] {
            copy(&Path::new(WASI_LIBC).join(name), &own.join(name))?;
        }
    }
    let tools = sysroot.join("bin");
    fs::create_dir_all(&tools)?;
    symlink(LINKER, tools.join("wasm-ld"))?;
    let component_linker = format!("/usr/lib/rustlib/{host}/bin/wasm-component-ld");
    symlink(component_linker, tools.join("wasm-component-ld"))?;
    Ok(sysroot)
}

/// Copies every library below `from`, except the stub's own.
fn collect(from: &Path, to: &Path) -> Result<()> {
    let entries = from
        .read_dir()
        .with_context(|| format!("could not read {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), to)?;
        } else if text.ends_with(".rlib") && !text.starts_with("libstub") {
            copy(&entry.path(), &to.join(&name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("could not copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// A field of what `rustc -vV` writes.
fn field<'a>(about: &'a str, name: &str) -> Result<&'a str> {
    let mut fields = about.lines().filter_map(|line| line.split_once(": "));
    let found = fields.find(|(key, _)| *key == name);
    found
        .map(|(_, value)| value)
        .with_context(|| format!("{RUSTC} -vV tells no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_compiler_are_read() {
        let about = "rustc 1.96.0 (built from a source tarball)\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0";
        assert_eq!(field(about, "release").unwrap(), "1.96.0");
        assert_eq!(field(about, "host").unwrap(), "x86_64-unknown-linux-gnu");
        assert!(field(about, "commit").is_err());
    }

    #[test]
    fn libraries_are_collected_without_the_stub() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("release"), folder.path().join("lib"));
        fs::create_dir_all(from.join("deps")).unwrap();
        fs::create_dir_all(&to).unwrap();
        for name in [
            "deps/libstd-1.rlib",
            "deps/libstub-2.rlib",
            "deps/libstd-1.rmeta",
            "libstub.rlib",
        ] {
            fs::write(from.join(name), "").unwrap();
        }
        collect(&from, &to).unwrap();
        let names: Vec<_> = to
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["libstd-1.rlib"]);
    }
}
