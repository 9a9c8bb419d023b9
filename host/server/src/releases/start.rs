//! Which program a host starts with. `muster serve` looks into the data directory
//! first, and becomes the program that was chosen there. To try another one it
//! becomes a guard, which starts that as a child, goes on with it once it is
//! confirmed, and with the one before otherwise. The process stays the same one
//! throughout, so that whoever looks after it notices nothing.

use std::{
    env, fs, io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, ExitStatus},
    time::Duration,
};

use muster_store::version;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::{
    process::Child,
    time::{Instant, sleep, timeout},
};

use super::folder::{Chosen, Failed, Folder, Trial};

/// As what this process was started by another one.
const AS: &str = "MUSTER_RELEASE";
const GUARD: &str = "guard";
const ON_TRIAL: &str = "trial";
const CHOSEN: &str = "chosen";
/// Which version is installed, for whoever was started in its place.
const INSTALLED: &str = "MUSTER_INSTALLED_VERSION";

/// How often the guard looks whether the program was confirmed.
const LOOK: Duration = Duration::from_millis(200);
/// How long a program may take to end.
const ENDING: Duration = Duration::from_secs(75);

/// What `muster serve` is to do.
pub enum Start {
    /// Serve.
    Serve {
        /// Whether it has to prove itself first.
        on_trial: bool,
    },
    /// See what becomes of another program.
    Guard(Guard),
}

/// Finds out what `muster serve` is to do with a data directory. If another program
/// was chosen there, this process becomes that one.
#[must_use]
pub fn start(data_dir: &Path) -> Start {
    let folder = Folder::of(data_dir);
    let started_as = env::var(AS).unwrap_or_default();
    match (started_as.as_str(), folder.trial()) {
        (GUARD, Some(trial)) => return Start::Guard(Guard { folder, trial }),
        (ON_TRIAL, Some(_)) => {
            // Without its guard, nobody would go back if it failed.
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            return Start::Serve { on_trial: true };
        }
        _ => {}
    }
    // The machine was switched off in the middle of a trial: it did not happen.
    if let Err(error) = folder.end() {
        eprintln!("what is left of a trial cannot be removed: {error}");
    }
    if started_as != CHOSEN
        && let Some(chosen) = folder.chosen()
    {
        become_chosen(&folder, &chosen);
    }
    Start::Serve { on_trial: false }
}

/// Becomes the chosen program. Comes back if this is it, or it cannot be.
fn become_chosen(folder: &Folder, chosen: &Chosen) {
    let here = env::current_exe().and_then(fs::canonicalize);
    let path = folder.program(&chosen.program.digest);
    let there = match fs::canonicalize(&path) {
        Ok(there) => there,
        Err(error) => return eprintln!("{} cannot be started: {error}", path.display()),
    };
    match here {
        Ok(here) if here == there => return,
        Ok(here) if !folder.holds(&here) && chosen.installed != version() => {
            eprintln!(
                "Muster {} was installed since {} was chosen: it counts",
                version(),
                chosen.program
            );
            if let Err(error) = folder.unchoose() {
                eprintln!("that cannot be written down: {error}");
            }
            return;
        }
        _ => {}
    }
    let error = exec(&there, CHOSEN);
    eprintln!("{} cannot be started: {error}", there.display());
}

/// Has this process become the guard of the program that is to be tried.
///
/// # Errors
/// If it can become neither that nor the host again.
pub fn try_other(data_dir: &Path) -> io::Error {
    let folder = Folder::of(data_dir);
    if let Some(trial) = folder.trial() {
        let error = exec(&folder.program(&trial.from.digest), GUARD);
        eprintln!("the guard cannot be started: {error}");
    }
    go_on(&folder)
}

/// Becomes the program that counts.
fn go_on(folder: &Folder) -> io::Error {
    let chosen = folder.chosen();
    let path = match chosen {
        Some(chosen) => folder.program(&chosen.program.digest),
        None => match env::current_exe() {
            Ok(path) => path,
            Err(error) => return error,
        },
    };
    exec(&path, CHOSEN)
}

/// Becomes another program with the same arguments. Only comes back if it fails.
fn exec(program: &Path, started_as: &str) -> io::Error {
    let installed = env::var_os(INSTALLED).unwrap_or_else(|| version().into());
    Command::new(program)
        .args(env::args_os().skip(1))
        .env(AS, started_as)
        .env(INSTALLED, installed)
        .exec()
}

/// The version that is installed on this machine.
pub(super) fn installed() -> String {
    env::var(INSTALLED).unwrap_or_else(|_| version().to_owned())
}

/// What watches over a program that is tried.
pub struct Guard {
    folder: Folder,
    trial: Trial,
}

impl Guard {
    /// Starts the program, and has this process become it once it was confirmed; or
    /// the one before. Comes back when told to stop.
    ///
    /// # Errors
    /// If this process can become neither.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), io::Error> {
        let path = self.folder.program(&self.trial.program.digest);
        let next = match self.watch(&path, stop).await {
            Ok(true) => path,
            Ok(false) => return Ok(()),
            Err(why) => {
                eprintln!("{} is not used: {why}", self.trial.program);
                let failed = Failed {
                    job: self.trial.job,
                    digest: self.trial.program.digest.clone(),
                    why,
                };
                if let Err(error) = self.folder.fail(&failed) {
                    eprintln!("that cannot be written down: {error}");
                }
                self.folder.program(&self.trial.from.digest)
            }
        };
        let _ = self.folder.end();
        Err(exec(&next, CHOSEN))
    }

    /// Waits until the program was confirmed and has ended; false if this process is
    /// to stop. Why it is of no use, if so. Nothing of it is left after that.
    async fn watch(&self, path: &Path, stop: impl Future<Output = ()>) -> Result<bool, String> {
        let mut child = tokio::process::Command::new(path)
            .args(env::args_os().skip(1))
            .env(AS, ON_TRIAL)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("it cannot be started: {error}"))?;
        let patience = Duration::from_secs(self.trial.patience.into());
        let deadline = Instant::now() + patience;
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                ended = child.wait() => return match self.is_confirmed() {
                    true => Ok(true),
                    false => Err(format!("it ended before it was confirmed: {}", told(ended))),
                },
                () = sleep(LOOK) => {}
                () = &mut stop => {
                    finish(&mut child, Some(Signal::TERM)).await;
                    return Ok(false);
                }
            }
            if self.is_confirmed() {
                // It ends by itself.
                finish(&mut child, None).await;
                return Ok(true);
            }
            if Instant::now() >= deadline {
                finish(&mut child, Some(Signal::TERM)).await;
                return match self.is_confirmed() {
                    true => Ok(true),
                    false => Err(format!(
                        "it was not confirmed within {} s",
                        patience.as_secs()
                    )),
                };
            }
        }
    }

    fn is_confirmed(&self) -> bool {
        let chosen = self.folder.chosen();
        chosen.is_some_and(|chosen| chosen.program == self.trial.program)
    }
}

/// Waits until a process has ended; kills it if it does not.
async fn finish(child: &mut Child, signal: Option<Signal>) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let (Some(pid), Some(signal)) = (pid.and_then(Pid::from_raw), signal) {
        let _ = kill_process(pid, signal);
    }
    if timeout(ENDING, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn told(ended: io::Result<ExitStatus>) -> String {
    match ended {
        Ok(status) => match status.signal() {
            Some(signal) => format!("killed by signal {signal}"),
            None => format!("exit code {}", status.code().unwrap_or_default()),
        },
        Err(error) => error.to_string(),
    }
}
