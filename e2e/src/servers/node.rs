//! A server in JavaScript: a child that writes lines of JSON.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::installed;

/// How long a server may take to listen; generous, for machines under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Killed when dropped.
pub struct Node {
    child: Child,
    port: u16,
    lines: Arc<Mutex<Vec<Value>>>,
    // It ends when this does, however the test ends.
    _stdin: Option<ChildStdin>,
    _folder: TempDir,
}

impl Node {
    /// Runs a script with its one argument and waits until it listens.
    ///
    /// # Panics
    /// If it does not.
    pub fn start(script: &str, argument: &Value) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        let path = folder.path();
        // Scripts find their modules in folders above them.
        symlink(installed("node_modules"), path.join("node_modules")).expect("a link");
        fs::write(path.join("package.json"), r#"{"type": "module"}"#).expect("a file");
        fs::write(path.join("server.js"), script).expect("a file");
        let log = File::create(path.join("log")).expect("a file");
        let mut child = Command::new(installed("node"))
            .current_dir(path)
            .arg("server.js")
            .arg(argument.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("node runs");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it is piped");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (tell_port, port) = mpsc::channel();
        let sink = Arc::clone(&lines);
        thread::spawn(move || {
            let mut told = BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            if let Some(first) = told.next() {
                let _ = tell_port.send(first["port"].clone());
            }
            for line in told {
                sink.lock().expect("nobody panics with it").push(line);
            }
        });
        let port = port.recv_timeout(PATIENCE).ok();
        let port = port.and_then(|port| u16::try_from(port.as_u64()?).ok());
        let Some(port) = port else {
            let _ = child.kill();
            let log = fs::read_to_string(path.join("log")).unwrap_or_default();
            panic!("the server did not listen:\n{log}");
        };
        Self {
            child,
            port,
            lines,
            _stdin: stdin,
            _folder: folder,
        }
    }

    /// The port on 127.0.0.1 where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has written since it listens.
    ///
    /// # Panics
    /// Never, unless its reader has.
    pub fn lines(&self) -> Vec<Value> {
        self.lines.lock().expect("nobody panics with it").clone()
    }

    /// Ends it.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}
