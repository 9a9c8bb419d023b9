//! The compiler for guests and the console: the running toolchain if it knows the target, else
//! rustup's word, else Debian's packages.

use std::{env, ffi::OsString, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    debian,
    project::{Project, on_path, search_path},
    step::{Step, Steps, ask},
    sysroot::Sysroot,
};

/// What guests are built for.
pub const GUEST_TARGET: &str = "wasm32-wasip2";
/// What the console is built for.
pub const CONSOLE_TARGET: &str = "wasm32-unknown-unknown";
/// What stands between encoded flags.
const SEPARATOR: &str = "\u{1f}";

/// How this machine compiles for a target.
pub enum Toolchain {
    /// With the running toolchain, which has the target's standard library.
    Installed,
    /// With Debian's compiler and a standard library built from its source.
    Debian(Sysroot),
}

impl Toolchain {
    /// Makes a call of cargo compile with this toolchain, and with more flags of the
    /// compiler's. Reaches only what is built for the target, as long as the call
    /// names one.
    ///
    /// # Errors
    /// If the cache's path has a colon.
    pub fn configure(&self, cargo: &mut Command, more: &[&str]) -> Result<()> {
        let Self::Debian(sysroot) = self else {
            if !more.is_empty() {
                cargo.env("CARGO_ENCODED_RUSTFLAGS", more.join(SEPARATOR));
            }
            return Ok(());
        };
        let mut flags = OsString::from("--sysroot=");
        flags.push(sysroot.path());
        for flag in more {
            flags.push(SEPARATOR);
            flags.push(flag);
        }
        cargo
            .env("RUSTC", sysroot.rustc())
            .env("PATH", search_path(&[&sysroot.tools()])?)
            // Unlike RUSTFLAGS, this leaves spaces in the path alone.
            .env("CARGO_ENCODED_RUSTFLAGS", flags)
            .env_remove("RUSTFLAGS")
            // `cargo run` puts its own toolchain's libraries there.
            .env_remove("LD_LIBRARY_PATH");
        Ok(())
    }
}

/// Sees to a target as one step.
///
/// # Errors
/// If the target can neither be used nor installed; the message says what to
/// do by hand.
pub fn prepare(project: &Project, steps: &mut Steps, wanted: &str) -> Result<Toolchain> {
    steps.step(&format!("set up {wanted}"), |step| {
        target(project, step, wanted)
    })
}

fn target(project: &Project, step: &Step, target: &str) -> Result<Toolchain> {
    if has_standard_library(target)? {
        return Ok(Toolchain::Installed);
    }
    let allowed = env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0");
    if allowed && on_path("rustup") {
        let mut command = Command::new("rustup");
        command.args(["target", "add", target]);
        match step.run(command) {
            Ok(()) if has_standard_library(target)? => return Ok(Toolchain::Installed),
            Ok(()) => bail!(
                "rustup added {target} to another toolchain than the one that runs `cargo xtask`"
            ),
            Err(error) if debian::here() => {
                step.say(&format!("{error:#}; taking Debian's packages"));
            }
            Err(error) => return Err(error.context(format!("could not add {target}"))),
        }
    }
    if debian::here() {
        return Ok(Toolchain::Debian(Sysroot::prepare(project, step, target)?));
    }
    bail!("this toolchain has no {target}: call `rustup target add {target}`, then try again");
}

/// Whether the running toolchain can compile for a target.
fn has_standard_library(target: &str) -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = ask(Command::new(rustc).args(["--print", "target-libdir", "--target", target]))
        .context("could not ask the compiler for its targets")?;
    Ok(holds_std(Path::new(&folder)))
}

/// Whether a folder of libraries holds the standard one.
pub fn holds_std(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else {
        return false;
    };
    entries.filter_map(Result::ok).any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_library_is_told_by_its_rlib() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!holds_std(&folder.path().join("absent")));
        std::fs::write(folder.path().join("libcore-1.rlib"), "").unwrap();
        assert!(!holds_std(folder.path()));
        std::fs::write(folder.path().join("libstd-1.rlib"), "").unwrap();
        assert!(holds_std(folder.path()));
    }
}
