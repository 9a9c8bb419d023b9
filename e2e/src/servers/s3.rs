//! An S3 server, in Python, that can be told to go away and come back.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::installed;

/// How an S3 server is.
pub struct S3Options<'a> {
    /// The id of the one access key that it lets in; its secret does not matter.
    pub access_key: &'a str,
    /// The buckets that it has.
    pub buckets: &'a [&'a str],
}

impl Default for S3Options<'_> {
    fn default() -> Self {
        Self {
            access_key: "muster",
            buckets: &["blocks"],
        }
    }
}

/// A running S3 server. Killed when dropped.
pub struct S3Server {
    child: Child,
    port: u16,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _folder: TempDir,
}

impl S3Server {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(options: &S3Options<'_>) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        let log = folder.path().join("log");
        let argument = json!({"access_key": options.access_key, "buckets": options.buckets});
        let mut child = Command::new(installed("python").join("bin/python"))
            .args(["-c", include_str!("../../servers/s3.py")])
            .arg(argument.to_string())
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a file"))
            .spawn()
            .expect("python runs");
        let stdin = child.stdin.take().expect("it is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        let _ = stdout.read_line(&mut line);
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        let port = told["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        let Some(port) = port else {
            let _ = child.kill();
            let log = fs::read_to_string(log).unwrap_or_default();
            panic!("the S3 server did not listen:\n{log}");
        };
        Self {
            child,
            port,
            talk: Mutex::new((stdin, stdout)),
            _folder: folder,
        }
    }

    /// Where blocks are kept below `path`, a bucket and perhaps a prefix.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("s3://{path}?endpoint=http://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1 where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops listening; everything is kept.
    pub fn go_away(&self) {
        self.tell(&json!({"do": "stop"}));
    }

    /// Listens again, on the same port.
    pub fn come_back(&self) {
        self.tell(&json!({"do": "start"}));
    }

    /// The keys of a bucket.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let told = self.tell(&json!({"do": "keys", "bucket": bucket}));
        serde_json::from_value(told).expect("a list of texts")
    }

    /// What is kept under a key, a character for each byte.
    #[must_use]
    pub fn get(&self, bucket: &str, key: &str) -> String {
        let told = self.tell(&json!({"do": "get", "bucket": bucket, "key": key}));
        told.as_str().expect("a text").to_owned()
    }

    /// Keeps something else under a key.
    pub fn put(&self, bucket: &str, key: &str, text: &str) {
        self.tell(&json!({"do": "put", "bucket": bucket, "key": key, "text": text}));
    }

    /// Loses a key.
    pub fn delete(&self, bucket: &str, key: &str) {
        self.tell(&json!({"do": "delete", "bucket": bucket, "key": key}));
    }

    /// Makes what is kept under a key look older.
    pub fn age(&self, bucket: &str, key: &str, seconds: u64) {
        self.tell(&json!({"do": "age", "bucket": bucket, "key": key, "seconds": seconds}));
    }

    /// The requests so far, as `METHOD /path`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let told = self.tell(&json!({"do": "requests"}));
        serde_json::from_value(told).expect("a list of texts")
    }

    fn tell(&self, command: &Value) -> Value {
        let mut talk = self.talk.lock().expect("nobody panics with it");
        let (stdin, stdout) = &mut *talk;
        writeln!(stdin, "{command}").expect("the S3 server runs");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the S3 server runs");
        let answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the S3 server does not do {command}"));
        answer["answer"].clone()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
