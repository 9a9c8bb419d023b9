//! Runs a command with a PostgreSQL server that is there as long as it runs: tests
//! that it starts keep their state there, each in a database of its own.

use std::process::{Command, ExitCode};

use muster_e2e::servers::Postgres;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("with-postgres COMMAND…: runs the command with a PostgreSQL server");
        return ExitCode::from(2);
    };
    let server = Postgres::start();
    let ended = Command::new(&program)
        .args(words)
        .env("MUSTER_TEST_DATABASE", "postgres")
        .env("MUSTER_TEST_POSTGRES", server.local_url("postgres"))
        .status();
    match ended {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("{} does not run: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}
