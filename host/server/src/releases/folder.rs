//! The folder of the programs that a host has run or is to run, each below its
//! digest, and the notes on which of them counts. A note is written whole or not
//! at all, and a program gets its name when all of it is on the disk.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use muster_api::{blocks::Digest, id::JobId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

/// The program that is running, even if its file is gone.
const RUNNING: &str = "/proc/self/exe";
/// What a program's file is called.
const PROGRAM: &str = "muster";
const CHOSEN: &str = "current.json";
const TRIAL: &str = "trial.json";
const FAILED: &str = "failed.json";

/// A program: a build of Muster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    /// Its version.
    pub(crate) version: String,
    /// The SHA-256 of its file.
    pub(crate) digest: Digest,
}

impl std::fmt::Display for Program {
    /// With as much of the digest as tells builds apart.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = self.digest.as_str().get(..8).unwrap_or_default();
        write!(f, "{} ({short})", self.version)
    }
}

/// Which program the host is to run, in place of the one that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chosen {
    pub(super) program: Program,
    /// The version that is installed. Once another one is, that one counts.
    pub(super) installed: String,
}

/// A program that is to be tried, by request of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    pub(super) job: JobId,
    pub(super) program: Program,
    /// The one that runs, and counts until the other is confirmed.
    pub(super) from: Program,
    /// How long it has until it is confirmed, in seconds.
    pub(super) patience: u32,
}

/// A trial that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failed {
    pub(super) job: JobId,
    pub(super) digest: Digest,
    pub(super) why: String,
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn of(data_dir: &Path) -> Self {
        Self(data_dir.join("releases"))
    }

    /// The file of a program.
    pub(super) fn program(&self, digest: &Digest) -> PathBuf {
        self.0.join(digest.as_str()).join(PROGRAM)
    }

    /// Whether a file is one of these.
    pub(super) fn holds(&self, program: &Path) -> bool {
        fs::canonicalize(&self.0).is_ok_and(|root| program.starts_with(root))
    }

    pub(super) fn chosen(&self) -> Option<Chosen> {
        self.note(CHOSEN)
    }

    pub(super) fn choose(&self, chosen: &Chosen) -> io::Result<()> {
        self.keep(CHOSEN, chosen)
    }

    pub(super) fn unchoose(&self) -> io::Result<()> {
        self.remove(CHOSEN)
    }

    pub(super) fn trial(&self) -> Option<Trial> {
        self.note(TRIAL)
    }

    pub(super) fn begin(&self, trial: &Trial) -> io::Result<()> {
        self.remove(FAILED)?;
        self.keep(TRIAL, trial)
    }

    /// The trial is over, whatever came of it.
    pub(super) fn end(&self) -> io::Result<()> {
        self.remove(TRIAL)
    }

    pub(super) fn failed(&self) -> Option<Failed> {
        self.note(FAILED)
    }

    pub(super) fn fail(&self, failed: &Failed) -> io::Result<()> {
        self.keep(FAILED, failed)
    }

    /// What is noted; nothing if it cannot be read: then the program counts that
    /// was started.
    fn note<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = fs::read(self.0.join(name)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn keep(&self, name: &str, note: &impl Serialize) -> io::Result<()> {
        self.make()?;
        let fresh = self.0.join(format!("{name}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(note)?)?;
        file.sync_all()?;
        fs::rename(&fresh, self.0.join(name))?;
        File::open(&self.0)?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Ok(()) => File::open(&self.0)?.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn make(&self) -> io::Result<()> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.0)
    }

    /// Keeps a program that comes piece by piece, unless it is another one than
    /// its digest says.
    pub(super) fn writer(&self, digest: &Digest) -> io::Result<Writer> {
        self.make()?;
        let fresh = self.0.join(format!("{digest}.new"));
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        DirBuilder::new().mode(0o700).create(&fresh)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o700);
        Ok(Writer {
            file: options.open(fresh.join(PROGRAM))?,
            hash: Sha256::new(),
            digest: digest.clone(),
            place: self.0.join(digest.as_str()),
            fresh,
            root: self.0.clone(),
        })
    }

    /// Keeps the program that runs, so that the host can go back to it, whatever
    /// becomes of the file that it was started from.
    pub(super) fn keep_running(&self, digest: &Digest) -> io::Result<()> {
        if self.program(digest).exists() {
            return Ok(());
        }
        let mut writer = self.writer(digest)?;
        read_running(|piece| writer.write(piece))?;
        writer.end()
    }

    /// Removes the programs that are none of these.
    pub(super) fn tidy(&self, keep: &[&Digest]) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let kept = keep.iter().any(|digest| name == digest.as_str());
            if entry.file_type()?.is_dir() && !kept {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// A program on its way into the folder.
pub(super) struct Writer {
    file: File,
    hash: Sha256,
    digest: Digest,
    fresh: PathBuf,
    place: PathBuf,
    root: PathBuf,
}

impl Writer {
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hash.update(piece);
        self.file.write_all(piece)
    }

    /// All of it has come.
    pub(super) fn end(self) -> io::Result<()> {
        let found = Digest::from_bytes(&self.hash.finalize().into());
        if found != self.digest {
            fs::remove_dir_all(&self.fresh)?;
            let why = format!("it is not the program {} but {found}", self.digest);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        self.file.sync_all()?;
        // Whoever starts it must find nobody who has it open for writing.
        drop(self.file);
        File::open(&self.fresh)?.sync_all()?;
        if self.place.exists() {
            fs::remove_dir_all(&self.place)?;
        }
        fs::rename(&self.fresh, &self.place)?;
        File::open(&self.root)?.sync_all()
    }
}

/// The digest of the program that runs.
pub(super) fn running() -> io::Result<Digest> {
    let mut hash = Sha256::new();
    read_running(|piece| {
        hash.update(piece);
        Ok(())
    })?;
    Ok(Digest::from_bytes(&hash.finalize().into()))
}

/// The first bytes of the program that runs, which say what machine it is for.
pub(super) fn head() -> io::Result<[u8; 20]> {
    let mut head = [0; 20];
    File::open(RUNNING)?.read_exact(&mut head)?;
    Ok(head)
}

fn read_running(mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let (mut file, mut piece) = (File::open(RUNNING)?, vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            read => take(&piece[..read])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use uuid::Uuid;

    use super::*;

    fn digest(bytes: &[u8]) -> Digest {
        Digest::from_bytes(&Sha256::digest(bytes).into())
    }

    #[test]
    fn a_program_is_there_when_all_of_it_is_and_is_what_it_is_called() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        let name = digest(b"one two");
        let mut writer = folder.writer(&name).unwrap();
        writer.write(b"one ").unwrap();
        assert!(!folder.program(&name).exists());
        // It was broken off, and begins anew.
        let mut writer = folder.writer(&name).unwrap();
        writer.write(b"one ").unwrap();
        writer.write(b"two").unwrap();
        writer.end().unwrap();
        let path = folder.program(&name);
        assert_eq!(fs::read(&path).unwrap(), b"one two");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        let mut writer = folder.writer(&digest(b"good")).unwrap();
        writer.write(b"bad").unwrap();
        assert!(writer.end().is_err());
        assert!(!folder.program(&digest(b"good")).exists());

        folder.keep_running(&running().unwrap()).unwrap();
        folder.tidy(&[&running().unwrap()]).unwrap();
        assert!(!path.exists() && folder.program(&running().unwrap()).exists());
    }

    #[test]
    fn notes_are_kept_and_a_damaged_one_is_none() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        assert_eq!(folder.chosen(), None);
        folder.end().unwrap();
        let program = |text: &[u8]| Program {
            version: "1.2.3".to_owned(),
            digest: digest(text),
        };
        let trial = Trial {
            job: JobId(Uuid::now_v7()),
            program: program(b"new"),
            from: program(b"old"),
            patience: 7,
        };
        let failed = Failed {
            job: trial.job,
            digest: digest(b"new"),
            why: "it ended".to_owned(),
        };
        folder.fail(&failed).unwrap();
        assert_eq!(folder.failed(), Some(failed));
        folder.begin(&trial).unwrap();
        assert_eq!((folder.trial(), folder.failed()), (Some(trial), None));
        folder.end().unwrap();
        assert_eq!(folder.trial(), None);
        let chosen = Chosen {
            program: program(b"new"),
            installed: "1.2.2".to_owned(),
        };
        folder.choose(&chosen).unwrap();
        assert_eq!(folder.chosen(), Some(chosen));
        fs::write(data.path().join("releases").join(CHOSEN), "{").unwrap();
        assert_eq!(folder.chosen(), None);
        folder.unchoose().unwrap();
    }
}
