//! The components that `cargo xtask guests` and the fixtures' builds made.

use std::{
    fs,
    path::{Path, PathBuf},
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
