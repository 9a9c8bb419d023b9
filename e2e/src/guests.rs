//! The components that `cargo xtask guests` and the fixtures' builds made.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the checkout.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The file of a built guest, such as `hello`.
#[must_use]
pub fn guest_path(name: &str) -> PathBuf {
    workspace().join(format!("target/guests/dist/{name}.wasm"))
}

/// The bytes of a built guest.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn guest(name: &str) -> Vec<u8> {
    let path = guest_path(name);
    fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()))
}

/// A plugin as it was built against a contract of before, such as `router-0.1.0`.
///
/// # Panics
/// If none was kept under that name.
#[must_use]
pub fn kept(name: &str) -> Vec<u8> {
    let path = workspace().join(format!("e2e/fixtures-kept/{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A call of cargo in a folder outside of the checkout, with what has been
/// downloaded for that.
#[must_use]
pub fn cargo_in(folder: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
        .current_dir(folder)
        .env("CARGO_NET_OFFLINE", "true")
        // What several projects are made of is built once.
        .env(
            "CARGO_TARGET_DIR",
            workspace().join("target/guests/elsewhere"),
        );
    cargo
}

/// The same with the toolchain of `cargo xtask guests`, for what is built for its
/// target.
///
/// # Panics
/// If the guests were not built.
#[must_use]
pub fn guest_cargo_in(folder: &Path) -> Command {
    let path = workspace().join("target/guests/cargo.env");
    let settings = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()));
    let mut cargo = cargo_in(folder);
    for line in settings.lines() {
        match line.split_once('=') {
            Some((name, value)) => cargo.env(name, value),
            None => cargo.env_remove(line),
        };
    }
    cargo
}

/// The sample app with another greeting of the same length: a droplet of its
/// own, told from all others by what it answers at `/`.
///
/// # Panics
/// If it was not built, or does not hold the greeting that it should.
#[must_use]
pub fn hello_version(version: u32) -> Vec<u8> {
    const GREETING: &str = "Hello from Muster!";
    let mut wasm = guest("hello");
    let place = wasm
        .windows(GREETING.len())
        .position(|window| window == GREETING.as_bytes())
        .expect("the sample app greets");
    let text = greeting(version);
    wasm[place..place + GREETING.len()].copy_from_slice(text.trim_end().as_bytes());
    wasm
}

/// What that version of the sample app answers.
#[must_use]
pub fn greeting(version: u32) -> String {
    format!("Hello version {version:04}\n")
}
