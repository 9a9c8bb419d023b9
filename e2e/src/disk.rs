//! A small disk in memory, which only root can mount.

use std::{
    fs::{self, File, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
};

use tempfile::TempDir;

/// A file system of its own, gone when dropped.
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A disk of that size, such as `64m`. `None`, with the reason printed, where
    /// this is not allowed.
    ///
    /// # Panics
    /// If there is no place for it.
    #[must_use]
    pub fn mount(size: &str) -> Option<Self> {
        let folder = TempDir::new().expect("a temporary directory");
        // Servers that are not root's may have to pass.
        let passable = Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), passable).expect("the folder is ours");
        let disk = Self { folder };
        fs::create_dir(disk.path()).expect("a folder to mount on");
        let options = format!("size={size}");
        if disk.run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"]) {
            Some(disk)
        } else {
            println!("skipped: a small disk cannot be mounted here");
            None
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(program);
        let status = command.args(arguments).arg(self.path()).status();
        status.is_ok_and(|status| status.success())
    }

    /// Takes all the space that is left.
    ///
    /// # Panics
    /// If it cannot be taken.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file");
        for size in [1 << 20, 4096, 1] {
            loop {
                match file.write(&vec![0; size]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// Gives that space back.
    ///
    /// # Panics
    /// If it was not taken.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    /// From now on it can only be read, or be written again.
    ///
    /// # Panics
    /// If that cannot be changed.
    pub fn protect(&self, protected: bool) {
        let mode = match protected {
            true => "remount,ro",
            false => "remount,rw",
        };
        assert!(self.run("mount", &["-o", mode]), "it can be remounted");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.run("umount", &["-l"]);
    }
}
