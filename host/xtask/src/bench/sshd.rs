//! An SSH server of one's own, and scp to it. The system's and the person's own
//! settings and keys are of no account and stay as they are.

use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{free_port, server::Server, wait_for};
use crate::{
    debian,
    step::{Step, ask},
};

const SSHD: &str = "/usr/sbin/sshd";
/// Where an sshd of root's locks those in who have not signed in yet.
const EMPTY: &str = "/run/sshd";

/// A running server.
pub struct Sshd {
    address: SocketAddr,
    folder: PathBuf,
    _server: Server,
}

impl Sshd {
    /// Starts it, with its files in `folder`.
    ///
    /// # Errors
    /// If it cannot be installed or does not start.
    pub fn start(folder: &Path, step: &Step) -> Result<Self> {
        debian::install(step, &["openssh-server", "openssh-client"])?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        let address = free_port()?;
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            step.run({
                keygen.arg(folder.join(key));
                keygen
            })?;
        }
        let host = fs::read_to_string(folder.join("host.pub"))?;
        let known = format!("[{}]:{} {host}", address.ip(), address.port());
        fs::write(folder.join("known"), known)?;
        let file = folder.join("config");
        fs::write(&file, config(address, folder))?;
        if ask(Command::new("id").arg("-u"))? == "0" {
            match DirBuilder::new().mode(0o755).create(EMPTY) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(error).context("could not create /run/sshd");
                }
                _ => {}
            }
        }
        let mut command = Command::new(SSHD);
        command.args(["-D", "-e", "-f"]).arg(file);
        let server = Server::start(command)?;
        wait_for("sshd listens", || Ok(TcpStream::connect(address).is_ok()))?;
        Ok(Self {
            address,
            folder: folder.to_owned(),
            _server: server,
        })
    }

    /// The command that copies a file to a place by way of this server.
    pub fn copy(&self, file: &Path, to: &Path) -> Command {
        let mut command = Command::new("scp");
        command.args(["-q", "-B", "-F", "none", "-P"]);
        command.arg(self.address.port().to_string());
        command.arg("-i").arg(self.folder.join("user"));
        command.args([
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ]);
        command.arg("-o");
        command.arg(format!(
            "UserKnownHostsFile={}",
            self.folder.join("known").display()
        ));
        command.arg(file);
        command.arg(format!("{}:{}", self.address.ip(), to.display()));
        command
    }
}

fn config(address: SocketAddr, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "ListenAddress {address}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/user.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
LogLevel FATAL
Subsystem sftp internal-sftp
"
    )
}
