//! Certificates for servers of tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// An authority that nobody knows, with certificates for loopback.
pub struct Authority {
    folder: TempDir,
}

/// A certificate and its key, each in a file in PEM form.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate's file.
    pub certificate: PathBuf,
    /// The key's file.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority.
    ///
    /// # Panics
    /// If openssl does not make one.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        openssl(
            folder.path(),
            &[
                "-keyout",
                "ca.key",
                "-out",
                "ca.pem",
                "-subj",
                "/CN=An authority for tests",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ],
        );
        Self { folder }
    }

    /// The file with its own certificate.
    ///
    /// # Panics
    /// If the temporary folder's path is not UTF-8.
    #[must_use]
    pub fn file(&self) -> String {
        let path = self.folder.path().join("ca.pem");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// A certificate for 127.0.0.1 and localhost, valid for a day.
    ///
    /// # Panics
    /// If openssl does not make one.
    #[must_use]
    pub fn issue(&self) -> Certificate {
        openssl(
            self.folder.path(),
            &[
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-keyout",
                "server.key",
                "-out",
                "server.pem",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ],
        );
        Certificate {
            certificate: self.folder.path().join("server.pem"),
            key: self.folder.path().join("server.key"),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificate {
    /// Both as JSON, as the servers in JavaScript take them.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let read = |path: &Path| fs::read_to_string(path).expect("a file of openssl's");
        serde_json::json!({"cert": read(&self.certificate), "key": read(&self.key)})
    }
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-nodes", "-days", "1", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl is installed by `cargo xtask servers`");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
