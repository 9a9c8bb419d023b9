//! Compiled code on disk. Loading compiled code means running it, so every file
//! carries a MAC under a key that only this host has: what was changed, cut or
//! brought from elsewhere is compiled anew, never run.

use std::{
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::EngineError;

const KEY_LENGTH: usize = 32;
const MAC_LENGTH: usize = 32;

/// The folder of compiled code and the key it is sealed with.
pub(crate) struct CodeCache {
    folder: PathBuf,
    key: [u8; KEY_LENGTH],
}

impl CodeCache {
    /// Opens the cache; makes folder and key on first use.
    pub(crate) fn open(folder: &Path) -> Result<Self, EngineError> {
        fs::create_dir_all(folder).map_err(EngineError::io(folder))?;
        let path = folder.join("key");
        let key = match fs::read(&path) {
            Ok(bytes) => bytes.try_into().ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(EngineError::io(&path)(error)),
        };
        let key = match key {
            Some(key) => key,
            // A key of another length is a torn write: all it sealed is void.
            None => {
                let key: [u8; KEY_LENGTH] = rand::random();
                write_private(&path, &[&key]).map_err(EngineError::io(&path))?;
                key
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            key,
        })
    }

    /// The component compiled for this engine: from the cache where its file
    /// is whole and ours, else compiled now and kept.
    pub(crate) fn component(
        &self,
        engine: &wasmtime::Engine,
        wasm: &[u8],
    ) -> Result<Component, EngineError> {
        let path = self.path(engine, wasm);
        if let Some(component) = self.load(engine, &path) {
            return Ok(component);
        }
        let code = engine
            .precompile_component(wasm)
            .map_err(|error| EngineError::Compile(format!("{error:#}")))?;
        let mac = self.mac(&path, &code).finalize().into_bytes();
        if let Err(error) = write_private(&path, &[&mac, &code]) {
            tracing::warn!(path = %path.display(), %error, "compiled code is not kept; it will be compiled again");
        }
        // SAFETY: `code` was made by this very engine just now.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, &code) };
        component.map_err(|error| EngineError::Compile(format!("{error:#}")))
    }

    /// Reads, checks and loads a file of the cache. `None` if it is not there
    /// or cannot be trusted.
    fn load(&self, engine: &wasmtime::Engine, path: &Path) -> Option<Component> {
        let file = fs::read(path).ok()?;
        let (mac, code) = file.split_at_checked(MAC_LENGTH)?;
        if self.mac(path, code).verify_slice(mac).is_err() {
            tracing::warn!(path = %path.display(), "compiled code was changed or cut; compiling it again");
            return None;
        }
        // SAFETY: the MAC shows that this host wrote these bytes, for the engine
        // configuration that is part of the file's name; they were read into
        // memory before the check, so they cannot change after it.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, code) };
        component
            .inspect_err(|error| tracing::info!(path = %path.display(), %error, "compiled code does not fit; compiling it again"))
            .ok()
    }

    /// Covers the file's name too, so that one file cannot stand in for another.
    fn mac(&self, path: &Path, code: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        mac.update(b"\0");
        mac.update(code);
        mac
    }

    fn path(&self, engine: &wasmtime::Engine, wasm: &[u8]) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let digest: [u8; 32] = Sha256::digest(wasm).into();
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder
            .join(format!("{name}-{:016x}.code", hasher.finish()))
    }
}

/// Writes a file that its owner alone can read, whole or not at all.
fn write_private(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("tmp-{:016x}", rand::random::<u64>()));
    let written = (|| {
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine() -> wasmtime::Engine {
        wasmtime::Engine::default()
    }

    fn code_file(folder: &Path) -> PathBuf {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "code")
            })
            .unwrap()
    }

    #[test]
    fn a_second_start_loads_what_the_first_compiled() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine();
        let wasm = wat::parse_str("(component)").unwrap();
        CodeCache::open(folder.path())
            .unwrap()
            .component(&engine, &wasm)
            .unwrap();
        let again = CodeCache::open(folder.path()).unwrap();
        assert!(again.load(&engine, &code_file(folder.path())).is_some());
    }

    #[test]
    fn a_changed_a_cut_and_a_renamed_file_are_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine();
        let cache = CodeCache::open(folder.path()).unwrap();
        cache
            .component(&engine, &wat::parse_str("(component)").unwrap())
            .unwrap();
        let path = code_file(folder.path());
        let good = fs::read(&path).unwrap();

        for position in [0, MAC_LENGTH, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(&path, bad).unwrap();
            assert!(
                cache.load(&engine, &path).is_none(),
                "byte {position} changed"
            );
        }
        for length in [0, MAC_LENGTH - 1, MAC_LENGTH, good.len() - 1] {
            fs::write(&path, &good[..length]).unwrap();
            assert!(cache.load(&engine, &path).is_none(), "cut to {length}");
        }
        let other = folder.path().join("other.code");
        fs::write(&other, &good).unwrap();
        assert!(cache.load(&engine, &other).is_none(), "renamed");
        fs::write(&path, &good).unwrap();
        assert!(cache.load(&engine, &path).is_some());
    }

    #[test]
    fn another_hosts_code_is_not_run() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let engine = engine();
        CodeCache::open(theirs.path())
            .unwrap()
            .component(&engine, &wat::parse_str("(component)").unwrap())
            .unwrap();
        let path = code_file(theirs.path());
        let copied = ours.path().join(path.file_name().unwrap());
        fs::copy(&path, &copied).unwrap();
        assert!(
            CodeCache::open(ours.path())
                .unwrap()
                .load(&engine, &copied)
                .is_none()
        );
    }
}
