//! Passwords, as people type them or programs pipe them.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;

use crate::failure::Failure;

/// Where passwords come from.
#[derive(Debug, Clone, Copy, Args)]
pub struct PasswordArgs {
    /// Read passwords from standard input, a line each, instead of asking
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordArgs {
    /// Whether they come from standard input.
    pub fn is_piped(self) -> bool {
        self.password_stdin
    }

    /// A password that exists.
    ///
    /// # Errors
    /// If there is none, or nobody to ask.
    pub fn known(self, prompt: &str) -> Result<String, Failure> {
        if self.password_stdin {
            piped()
        } else {
            typed(prompt)
        }
    }

    /// A new password, which is typed twice.
    ///
    /// # Errors
    /// If there is none, nobody to ask, or they differ.
    pub fn new_one(self) -> Result<String, Failure> {
        if self.password_stdin {
            return piped();
        }
        let password = typed("New password: ")?;
        if typed("The same again: ")? == password {
            Ok(password)
        } else {
            Err(Failure::usage("the passwords differ, and nothing was done"))
        }
    }
}

/// A secret of another kind: typed at a terminal, else the first line of
/// standard input.
///
/// # Errors
/// If there is none.
pub fn secret(prompt: &str, what: &str) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        typed(prompt)
    } else {
        line(what)
    }
}

fn piped() -> Result<String, Failure> {
    line("password")
}

fn line(what: &str) -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::usage(format!("the {what} cannot be read: {error}")))?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::usage(format!("standard input holds no {what}")));
    }
    Ok(password.to_owned())
}

fn typed(prompt: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to type a password")
            .hint("add --password-stdin and write the password to standard input"));
    }
    rpassword::prompt_password(prompt)
        .map_err(|error| Failure::usage(format!("the password cannot be read: {error}")))
}
