//! The first user's password.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LENGTH: usize = 20;

/// The password of a host's first user: the one that the data folder was made with, else
/// the environment's, else a new one, kept in `file`.
pub fn settle(file: &Path, data: &Path) -> Result<String> {
    let wanted = env::var("MUSTER_INITIAL_PASSWORD").ok();
    let kept = match fs::read_to_string(file) {
        Ok(text) => Some(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("could not read {}", file.display()));
        }
    };
    let password = match (kept, wanted) {
        (Some(kept), _) if data.exists() => return Ok(kept),
        (None, None) if data.exists() => bail!(
            "{} has data, but its password in {} is gone: remove {0} to start afresh, or set MUSTER_INITIAL_PASSWORD to the password it has",
            data.display(),
            file.display()
        ),
        (_, Some(wanted)) => wanted,
        (_, None) => generate()?,
    };
    keep(file, &password)?;
    Ok(password)
}

fn keep(file: &Path, password: &str) -> Result<()> {
    let open = || -> std::io::Result<()> {
        // A new file, so that its mode is this one.
        match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)?;
        writeln!(file, "{password}")
    };
    open().with_context(|| format!("could not write {}", file.display()))
}

/// A password of letters and digits that nobody can guess.
///
/// # Errors
/// If the system's random numbers cannot be read.
pub fn generate() -> Result<String> {
    let mut random = File::open("/dev/urandom").context("could not open /dev/urandom")?;
    let mut password = String::new();
    while password.len() < LENGTH {
        let mut byte = [0];
        random
            .read_exact(&mut byte)
            .context("could not read /dev/urandom")?;
        // The rest of 256 by 62 would prefer the first letters.
        if byte[0] < 4 * 62 {
            password.push(char::from(LETTERS[usize::from(byte[0] % 62)]));
        }
    }
    Ok(password)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_password_is_kept_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let (file, data) = (folder.path().join("password"), folder.path().join("data"));
        keep(&file, "old").unwrap();
        keep(&file, "new").unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::create_dir(&data).unwrap();
        assert_eq!(settle(&file, &data).unwrap(), "new");
    }

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.len(), LENGTH);
        assert!(
            one.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{one}"
        );
        assert_ne!(one, two);
    }
}
