//! The program `measure` of the tests, which simulates hosts and clients and starts
//! databases.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Rig;
use crate::{servers, step::Step};

/// Where it is, once it is built.
pub struct Measure(PathBuf);

impl Measure {
    /// Builds it, as quick as the host is.
    ///
    /// # Errors
    /// If it does not build.
    pub fn build(rig: &Rig, step: &Step) -> Result<Self> {
        let mut cargo = rig.project.cargo();
        cargo.args(["build", "--release", "--package", "muster-e2e"]);
        step.run({
            cargo.args(["--bin", "measure"]);
            cargo
        })?;
        Ok(Self(rig.project.path("target/release/measure")))
    }

    /// Starts it with these arguments and environment.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(&self, arguments: &[&str], password: &str) -> Result<Running> {
        let mut child = Command::new(&self.0)
            .args(arguments)
            .env("MUSTER_PASSWORD", password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", self.0.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("its output is a pipe")?;
        Ok(Running {
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// Starts a database, which is there as long as what runs it.
    ///
    /// # Errors
    /// If it does not start.
    pub fn database(&self, rig: &Rig, step: &Step) -> Result<(Running, String)> {
        servers::databases(step, &servers::place(rig.project)?)?;
        let mut running = self.start(&["postgres"], "")?;
        let url = running.line()?;
        Ok((running, url))
    }
}

/// A running one. Dropped, it ends.
pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    /// Gives it a line.
    ///
    /// # Errors
    /// If it has ended.
    pub fn give(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("its input has ended")?;
        writeln!(input, "{line}").context("it takes no more")
    }

    /// Tells it that there is no more input.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// The next line that it writes.
    ///
    /// # Errors
    /// If it has ended.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("measure has ended early; see above");
        }
        Ok(line.trim_end().to_owned())
    }

    /// What it has measured.
    ///
    /// # Errors
    /// If it failed.
    pub fn figures(mut self) -> Result<Value> {
        self.end_input();
        let line = self.line()?;
        serde_json::from_str(&line).with_context(|| format!("this is not JSON: {line}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // With its input a database ends by itself, and cleans up.
        self.input = None;
        // It fails only if it has been waited for.
        let _ = self.child.wait();
    }
}
