//! The muster command: serve, and every client command over the public API.

mod args;
mod client;
mod commands;
mod contexts;
mod failure;
mod manifest;
mod output;
mod package;
mod upload;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    // Whoever opens a TLS connection takes this one. It fails only if a provider is in place.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = args::Cli::parse();
    match commands::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}
