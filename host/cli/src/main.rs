//! The muster command: serve, and every client command over the public API.

mod args;
mod client;
mod commands;
mod contexts;
mod data_file;
mod explain;
mod failure;
mod manifest;
mod output;
mod package;
mod plugin_project;
mod upload;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;

use self::failure::{Exit, Failure};

/// Requests in fresh instances allocate and free much and at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Whoever opens a TLS connection takes this one. It fails only if a provider is in place.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = args::Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}

fn run(cli: args::Cli) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(|error| {
        Failure::new(Exit::Failure, format!("threads cannot be started: {error}"))
    })?;
    let result = runtime.block_on(commands::run(cli));
    // Whoever interrupts does not want to wait for a thread that reads a file.
    runtime.shutdown_background();
    result
}
