//! What a person sees while chores run.
//!
//! On a terminal, a line per step with the time and the last line that its
//! child wrote; elsewhere, a plain line at a step's start and one at its end.
//! A child's whole output is shown only when it fails.

use std::{
    io::{BufRead, BufReader, IsTerminal, PipeReader, Write},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// The steps of one chore, counted.
pub struct Steps {
    total: usize,
    begun: usize,
    terminal: bool,
}

impl Steps {
    /// Announces how many steps there will be.
    pub fn new(total: usize) -> Self {
        Self {
            total,
            begun: 0,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Does one step and tells how long it took.
    ///
    /// # Errors
    /// What `work` returns, with the step's title.
    pub fn step<T>(&mut self, title: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
        self.begun += 1;
        let title = format!("[{}/{}] {title}", self.begun, self.total);
        let bar = self.terminal.then(|| spinner(&title));
        if bar.is_none() {
            eprintln!("{title} …");
        }
        let step = Step { bar };
        let start = Instant::now();
        let result = work(&step);
        let elapsed = human(start.elapsed());
        match (&step.bar, &result) {
            (Some(bar), Ok(_)) => {
                bar.finish_and_clear();
                eprintln!("{title}: done in {elapsed}");
            }
            (None, Ok(_)) => eprintln!("done in {elapsed}"),
            (bar, Err(_)) => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                eprintln!("{title}: failed after {elapsed}");
            }
        }
        result
    }
}

/// One step while it is done.
pub struct Step {
    bar: Option<ProgressBar>,
}

impl Step {
    /// Shows a line that stays.
    pub fn say(&self, line: &str) {
        self.suspend(|| eprintln!("{line}"));
    }

    /// Runs a command without input and shows its last line as it goes.
    ///
    /// # Errors
    /// If it cannot start or does not succeed; then all that it wrote is
    /// shown.
    pub fn run(&self, command: Command) -> Result<()> {
        self.run_with_input(command, "")
    }

    /// Like [`Step::run`], for a command that reads a short input.
    ///
    /// # Errors
    /// As there.
    pub fn run_with_input(&self, command: Command, input: &str) -> Result<()> {
        let shown = show(&command);
        let (status, output) = self
            .watch(command, input)
            .with_context(|| format!("could not run `{shown}`"))?;
        if !status.success() {
            // There is nobody to tell when standard error itself is gone.
            self.suspend(|| std::io::stderr().write_all(&output).ok());
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    /// Runs a command that talks to the person itself: its input and output
    /// are this process's.
    ///
    /// # Errors
    /// If it cannot start or does not succeed.
    pub fn pass_through(&self, mut command: Command) -> Result<()> {
        let shown = show(&command);
        let status = self
            .suspend(|| command.status())
            .with_context(|| format!("could not run `{shown}`"))?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    fn watch(&self, mut command: Command, input: &str) -> Result<(ExitStatus, Vec<u8>)> {
        let (reader, writer) = std::io::pipe()?;
        command
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = command.spawn()?;
        // The pipe ends only when this side's writers are closed, too.
        drop(command);
        if let Some(mut stdin) = child.stdin.take() {
            // A child that ends without reading says why in its output.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = self.follow(reader)?;
        Ok((child.wait()?, output))
    }

    fn follow(&self, reader: PipeReader) -> Result<Vec<u8>> {
        let mut reader = BufReader::new(reader);
        let mut output = Vec::new();
        loop {
            let start = output.len();
            if reader.read_until(b'\n', &mut output)? == 0 {
                return Ok(output);
            }
            let line = String::from_utf8_lossy(&output[start..]);
            let line: String = line.trim().chars().filter(|c| !c.is_control()).collect();
            if let Some(bar) = &self.bar
                && !line.is_empty()
            {
                bar.set_message(line);
            }
        }
    }

    fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }
}

/// A command's output, for small questions to other programs.
///
/// # Errors
/// If it cannot start, does not succeed, or does not write UTF-8.
pub fn ask(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not run `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)
        .with_context(|| format!("`{shown}` did not write UTF-8"))?
        .trim()
        .to_owned())
}

fn spinner(title: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {wide_msg:.dim}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A duration as people say it: `0 s`, `12 s`, `2 min 5 s`.
pub fn human(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_are_kept_in_order() {
        let step = Step { bar: None };
        let (status, output) = step
            .watch(shell("cat; echo two >&2; echo three; exit 3"), "one\n")
            .unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(String::from_utf8(output).unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_failed_command_is_named() {
        let error = Step { bar: None }.run(shell("exit 7")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c exit 7` ended with exit status: 7"
        );
        assert!(Step { bar: None }.run(shell("true")).is_ok());
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(human(Duration::from_millis(900)), "0 s");
        assert_eq!(human(Duration::from_secs(59)), "59 s");
        assert_eq!(human(Duration::from_secs(125)), "2 min 5 s");
    }
}
