//! The file that systemd-networkd reads, and what was done with it.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, Permissions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::check::Wanted;
use crate::failure::{Exit, Failure};

/// The folder of the data directory that holds it.
const FOLDER: &str = "network";

/// A file for systemd-networkd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFile {
    name: String,
    text: String,
}

impl NetworkFile {
    /// The file that gives an interface this address, and no other.
    pub fn of(wanted: &Wanted) -> Self {
        let mut text = format!(
            "# Written by: muster op static-ip\n[Match]\nName={}\n\n[Network]\nDHCP=no\nAddress={}\nGateway={}\n",
            wanted.interface, wanted.address, wanted.gateway
        );
        for server in &wanted.dns {
            let _ = writeln!(text, "DNS={server}");
        }
        Self {
            // The first file that names an interface counts.
            name: format!("00-muster-{}.network", wanted.interface),
            text,
        }
    }

    /// Keeps it in the data directory.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn keep(&self, data_dir: &Path) -> Result<PathBuf, Failure> {
        self.put_with(&data_dir.join(FOLDER), 0o700)
    }

    /// Puts it into a folder of the system, whole or not at all.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn put(&self, folder: &Path) -> Result<PathBuf, Failure> {
        self.put_with(folder, 0o755)
    }

    fn put_with(&self, folder: &Path, mode: u32) -> Result<PathBuf, Failure> {
        let path = folder.join(&self.name);
        let written = || {
            DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(self.text.as_bytes())?;
            // systemd-networkd is not root when it reads.
            fs::set_permissions(file.path(), Permissions::from_mode(0o644))?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok::<_, std::io::Error>(())
        };
        match written() {
            Ok(()) => Ok(path),
            Err(error) => {
                let path = path.display();
                let message = format!("{path} cannot be written: {error}");
                Err(Failure::new(Exit::Failure, message))
            }
        }
    }
}

/// An address that was checked and written down.
#[derive(Debug, Serialize)]
pub struct StaticAddress {
    /// The interface that is to have it.
    pub interface: String,
    /// The address with the length of its network's prefix.
    pub address: String,
    /// The router to everywhere else.
    pub gateway: String,
    /// Who resolves names.
    pub dns: Vec<String>,
    /// What systemd-networkd reads.
    pub network_file: String,
    /// Where that is kept.
    pub kept: PathBuf,
    /// Where it was written in the system, if it was.
    pub applied: Option<PathBuf>,
    /// How it is put in force.
    pub next: String,
}

impl StaticAddress {
    /// What was asked for, and where it is written now.
    pub fn new(wanted: Wanted, file: NetworkFile, kept: PathBuf, applied: Option<PathBuf>) -> Self {
        let next = match &applied {
            Some(_) => "networkctl reload".to_owned(),
            None => format!(
                "sudo cp {} /etc/systemd/network/ && sudo networkctl reload",
                kept.display()
            ),
        };
        Self {
            interface: wanted.interface,
            address: wanted.address.to_string(),
            gateway: wanted.gateway.to_string(),
            dns: wanted.dns.iter().map(ToString::to_string).collect(),
            network_file: file.text,
            kept,
            applied,
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_all_of_it_and_is_replaced_whole() {
        let mut wanted = Wanted {
            interface: "eth0".to_owned(),
            address: "192.0.2.7/24".parse().unwrap(),
            gateway: "192.0.2.1".parse().unwrap(),
            dns: vec![
                "192.0.2.2".parse().unwrap(),
                "2001:db8::53".parse().unwrap(),
            ],
        };
        let data = tempfile::tempdir().unwrap();
        let data_dir = data.path().join("data");
        let file = NetworkFile::of(&wanted);
        let kept = file.keep(&data_dir).unwrap();
        let read = || fs::read_to_string(&kept).unwrap();
        assert_eq!(
            read(),
            "# Written by: muster op static-ip\n\
             [Match]\nName=eth0\n\n\
             [Network]\nDHCP=no\nAddress=192.0.2.7/24\nGateway=192.0.2.1\n\
             DNS=192.0.2.2\nDNS=2001:db8::53\n"
        );
        wanted.dns.clear();
        let other = NetworkFile::of(&wanted).keep(&data_dir).unwrap();
        assert_eq!(other, kept);
        assert!(!read().contains("DNS="));
        let mode = fs::metadata(&kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
        let data_mode = fs::metadata(&data_dir).unwrap().permissions().mode();
        assert_eq!(data_mode & 0o777, 0o700, "others need not look into it");
    }
}
