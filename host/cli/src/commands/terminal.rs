//! What is asked of the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::{Exit, Failure};

/// Asks a question that is answered with yes or no; no unless told.
///
/// # Errors
/// If the answer is no, or there is nobody to ask.
pub fn confirm(question: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::new(
            Exit::Cancelled,
            "nobody is there to confirm this, and nothing was done",
        )
        .hint("add --yes to do it without being asked"));
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(
            Exit::Cancelled,
            "you said no, and nothing was done",
        )),
    }
}

/// Asks for what nobody else should see.
///
/// # Errors
/// If there is nobody to ask.
pub fn secret(prompt: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to type it")
            .hint("give it in a file or in the environment; `--help` says how"));
    }
    rpassword::prompt_password(prompt)
        .map_err(|error| Failure::usage(format!("it cannot be read: {error}")))
}

/// Asks for a code that serves once.
///
/// # Errors
/// If there is nobody to ask.
pub fn code(prompt: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to type a code")
            .hint("give it on the command line; `--help` says how"));
    }
    rpassword::prompt_password(prompt)
        .map_err(|error| Failure::usage(format!("the code cannot be read: {error}")))
}
