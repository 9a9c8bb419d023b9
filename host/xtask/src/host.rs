//! A host that a chore starts, watches and stops.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    io::{BufRead, BufReader, PipeReader},
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{http, listeners::reachable, step::Step};

const POLL: Duration = Duration::from_millis(100);
/// A debug host on a slow machine compiles its plugins for a while.
const PATIENCE: Duration = Duration::from_secs(180);
/// How many ticks of `/proc` are a second: `USER_HZ` of Linux on every common
/// machine.
const TICKS: f64 = 100.0;
/// How many of its last lines a host that died is remembered by.
const MEMORY: usize = 60;

/// A running `muster serve`. Dropped, it is asked to stop and waited for.
pub struct Host {
    child: Child,
    output: Arc<Output>,
    reader: Option<JoinHandle<()>>,
}

impl Host {
    /// Starts a host. What it writes is kept until [`Host::show_output`].
    ///
    /// # Errors
    /// If the binary does not start.
    pub fn start<A: AsRef<OsStr>>(
        binary: &Path,
        data: &Path,
        arguments: &[A],
        password: &str,
    ) -> Result<Self> {
        let (reader, writer) = std::io::pipe()?;
        let child = Command::new(binary)
            .args(["serve", "--data-dir"])
            .arg(data)
            .args(arguments)
            .env("MUSTER_INITIAL_PASSWORD", password)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .with_context(|| format!("could not start {}", binary.display()))?;
        let output = Arc::new(Output::default());
        let sink = Arc::clone(&output);
        let reader = thread::spawn(move || sink.fill(reader));
        Ok(Self {
            child,
            output,
            reader: Some(reader),
        })
    }

    /// Waits until the host says that it is ready.
    ///
    /// # Errors
    /// If it ends before, or is not ready after three minutes; its last output
    /// is shown.
    pub fn wait_ready(&mut self, management: SocketAddr, step: &Step) -> Result<()> {
        let start = Instant::now();
        let address = reachable(management);
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.last_words(step);
                bail!("muster serve ended before it was ready, with {status}");
            }
            if http::get(address, "/readyz", &address.to_string()).is_ok_and(|status| status == 200)
            {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                self.last_words(step);
                bail!(
                    "muster serve is not ready after {} s: see its output above",
                    PATIENCE.as_secs()
                );
            }
            thread::sleep(POLL);
        }
    }

    /// From now on its output goes to standard error.
    pub fn show_output(&self) {
        self.output.live.store(true, Ordering::Relaxed);
    }

    /// Waits for the host to end. A terminal sends its interrupt to the host as
    /// well, so only a request to terminate is passed on.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub fn wait(mut self, signals: &Signals) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.join_reader();
                return Ok(status);
            }
            if signals.terminate.swap(false, Ordering::Relaxed) {
                self.terminate();
            }
            thread::sleep(POLL);
        }
    }

    /// Ends the host at once, without a chance to clean up.
    pub fn kill(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_reader();
    }

    /// How long processors have worked for it, in seconds.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn busy(&self) -> Result<f64> {
        let file = format!("/proc/{}/stat", self.child.id());
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("could not read {file}"))?;
        let ticks = ticks(&text).with_context(|| format!("{file} tells something else"))?;
        Ok(ticks as f64 / TICKS)
    }

    fn terminate(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It fails only for a host that has just ended.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn last_words(&mut self, step: &Step) {
        if self.child.try_wait().is_ok_and(|status| status.is_some()) {
            self.join_reader();
        }
        for line in self.output.lines().iter() {
            step.say(line);
        }
    }

    fn join_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            // It only copies lines; if it panicked, some are missing.
            let _ = reader.join();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.reader.is_some() {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

/// What a process has used of processors, for itself and within the system, after
/// its line in `/proc/PID/stat` (proc(5), fields 14 and 15).
fn ticks(stat: &str) -> Option<u64> {
    // The name before may hold anything, but ends with the last bracket.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The last lines of a host.
#[derive(Default)]
struct Output {
    live: AtomicBool,
    kept: Mutex<VecDeque<String>>,
}

impl Output {
    fn fill(&self, reader: PipeReader) {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if self.live.load(Ordering::Relaxed) {
                eprintln!("{text}");
            }
            let mut kept = self.lines();
            if kept.len() == MEMORY {
                kept.pop_front();
            }
            kept.push_back(text);
        }
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signals that would end this process, were there no host to wait for.
pub struct Signals {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
}

impl Signals {
    /// Takes them over.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn take() -> Result<Self> {
        let signals = Self {
            interrupt: Arc::default(),
            terminate: Arc::default(),
        };
        signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&signals.interrupt))?;
        signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&signals.terminate))?;
        Ok(signals)
    }

    /// Whether one arrived.
    pub fn arrived(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) || self.terminate.load(Ordering::Relaxed)
    }
}

/// What a shell would call this end: the exit code, or 128 and the signal.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_has_the_shells_number() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(2)), 130);
        assert_eq!(exit_code(ExitStatus::from_raw(0)), 0);
    }

    #[test]
    fn the_work_of_a_process_is_read() {
        let stat = "7 (a ) (b) S 1 7 7 0 -1 4194560 900 0 3 0 120 34 0 0 20 0 9 0 77 1 2";
        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("7 (short) S 1"), None);
    }

    fn script(folder: &Path, text: &str) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.join("muster");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_host_that_ends_early_is_no_host() {
        let folder = tempfile::tempdir().unwrap();
        let binary = script(
            folder.path(),
            "echo \"$@ $MUSTER_INITIAL_PASSWORD\"; exit 4",
        );
        let mut host = Host::start(&binary, Path::new("/d"), &["--log=info"], "pw").unwrap();
        let mut steps = crate::step::Steps::new(1);
        let error = steps
            .step("start", |step| {
                host.wait_ready(([127, 0, 0, 1], 1).into(), step)
            })
            .unwrap_err();
        assert!(error.to_string().contains("exit status: 4"), "{error}");
        assert_eq!(*host.output.lines(), ["serve --data-dir /d --log=info pw"]);
    }

    #[test]
    fn a_ready_host_is_stopped_when_asked_to() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let binary = script(
            folder.path(),
            "trap 'exit 5' TERM; while :; do sleep 0.05; done",
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in ["503 Not Yet", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
                while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                write!(stream, "HTTP/1.1 {answer}\r\n\r\n").unwrap();
            }
        });
        let mut host = Host::start::<&str>(&binary, folder.path(), &[], "").unwrap();
        let mut steps = crate::step::Steps::new(1);
        steps
            .step("start", |step| host.wait_ready(address, step))
            .unwrap();
        let signals = Signals {
            interrupt: Arc::default(),
            terminate: Arc::new(AtomicBool::new(true)),
        };
        assert!(signals.arrived());
        assert_eq!(exit_code(host.wait(&signals).unwrap()), 5);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        use std::io::Write;
        let (reader, mut writer) = std::io::pipe().unwrap();
        for line in 0..MEMORY + 5 {
            writeln!(writer, "line {line}").unwrap();
        }
        drop(writer);
        let output = Output::default();
        output.fill(reader);
        let kept = output.lines();
        assert_eq!((kept.len(), kept[0].as_str()), (MEMORY, "line 5"));
    }
}
