//! Somebody who types commands.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use muster_e2e::{Client, Host, HostOptions, PASSWORD, muster_binary};
use serde_json::Value;
use tempfile::TempDir;

/// Somebody with a home of their own.
pub struct Person {
    home: TempDir,
    env: Vec<(String, String)>,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Standard output of a command that must have succeeded.
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Standard error of a command that must have failed so: with nothing on
    /// standard output, and a next step.
    pub fn bad(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        let told = self.err.lines().any(|line| line.starts_with("error: "));
        assert!(told, "{self:?}");
        self.err
    }
}

impl Person {
    pub fn new() -> Self {
        let home = TempDir::new().expect("a temporary directory");
        Self {
            home,
            env: Vec::new(),
        }
    }

    /// The same person with a variable set.
    pub fn with(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where commands are run.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn contexts(&self) -> PathBuf {
        self.home.path().join("config/muster/contexts.json")
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(muster_binary());
        command
            .args(line.split(' '))
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .envs(self.env.iter().cloned())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn start(&self, line: &str) -> Child {
        self.command(line).spawn().expect("the binary was built")
    }

    /// Runs `muster` with these words.
    pub fn run(&self, line: &str) -> Ran {
        ran(self.start(line))
    }

    /// Runs `muster` with that on standard input.
    pub fn run_with(&self, line: &str, input: &str) -> Ran {
        let mut command = self.command(line);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(input.as_bytes()).expect("it is read");
        drop(stdin);
        ran(child)
    }

    pub fn login(&self, host: &Host) {
        let line = format!("login --url {} --user admin --password-stdin", host.url());
        self.run_with(&line, &format!("{PASSWORD}\n")).good();
    }

    /// What a command says as JSON.
    pub fn json(&self, line: &str) -> Value {
        let out = self.run(&format!("{line} -o json")).good();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line}: {error}: {out}"))
    }

    /// Writes a file below the home.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().expect("it is in the home")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
}

pub fn ran(child: Child) -> Ran {
    let output = child.wait_with_output().expect("it ends");
    Ran {
        code: output.status.code().expect("it was not killed"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

pub async fn logged_in() -> (Host, Client, Person) {
    // A name that is the same on every machine.
    let options = HostOptions {
        env: vec![("MUSTER_NAME".to_owned(), "edge-1".to_owned())],
        ..HostOptions::default()
    };
    let host = Host::start_with(options).await;
    let client = host.client().await;
    let person = Person::new();
    person.login(&host);
    (host, client, person)
}
