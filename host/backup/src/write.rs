//! From parts to bytes.

use ring::aead::{Aad, LessSafeKey};
use uuid::Uuid;

use crate::{
    BackupError,
    head::{BlocksIn, Head},
    key::{Lock, associated, nonce, sha256},
};

/// How much is sealed at once.
pub(crate) const CHUNK: usize = 256 << 10;

/// Makes a backup. What [`take`](Self::take) gives belongs one after the other.
pub struct Writer {
    key: LessSafeKey,
    head: [u8; 32],
    plain: Vec<u8>,
    out: Vec<u8>,
    chunks: u64,
    parts: u64,
    length: u64,
}

impl Writer {
    /// Begins. The head goes out first.
    ///
    /// # Errors
    /// [`BackupError::Key`] if the passphrase is empty or the key file too short.
    pub fn new(
        lock: &Lock,
        made_at: i64,
        host: &str,
        muster: &str,
        blocks: BlocksIn,
    ) -> Result<(Self, Head), BackupError> {
        let salt: [u8; 32] = rand::random();
        let head = Head {
            id: Uuid::new_v4(),
            made_at,
            host: host.chars().take(200).collect(),
            muster: muster.to_owned(),
            blocks,
            salt: salt.iter().map(|byte| format!("{byte:02x}")).collect(),
            key: lock.kind(),
        };
        let out = head.to_bytes();
        let writer = Self {
            key: lock.key(head.key, &salt)?,
            head: sha256(&out),
            plain: Vec::with_capacity(CHUNK),
            out,
            chunks: 0,
            parts: 0,
            length: 0,
        };
        Ok((writer, head))
    }

    /// Begins a part.
    pub fn begin(&mut self, name: &str) {
        self.parts += 1;
        self.length = 0;
        self.frame(b'H', name.as_bytes());
    }

    /// Adds bytes to the part, at most 4 MiB at once.
    pub fn data(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.frame(b'D', bytes);
    }

    /// Ends the part.
    pub fn end(&mut self) {
        self.frame(b'E', &self.length.to_be_bytes());
    }

    /// Adds a whole part.
    pub fn part(&mut self, name: &str, bytes: &[u8]) {
        self.begin(name);
        self.data(bytes);
        self.end();
    }

    /// What is ready to be written.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Ends the backup, and gives the rest of it.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.frame(b'Z', &self.parts.to_be_bytes());
        self.seal(true);
        self.out
    }

    fn frame(&mut self, kind: u8, bytes: &[u8]) {
        // Frames are of at most a block's length.
        let length = bytes.len() as u32;
        self.plain.push(kind);
        self.plain.extend_from_slice(&length.to_be_bytes());
        self.plain.extend_from_slice(bytes);
        while self.plain.len() > CHUNK {
            self.seal(false);
        }
    }

    fn seal(&mut self, last: bool) {
        let rest = self.plain.split_off(self.plain.len().min(CHUNK));
        let mut sealed = std::mem::replace(&mut self.plain, rest);
        let bound = Aad::from(associated(&self.head, self.chunks, last));
        let nonce = nonce(self.chunks);
        // The cipher refuses only what is longer than any chunk.
        if self
            .key
            .seal_in_place_append_tag(nonce, bound, &mut sealed)
            .is_err()
        {
            sealed.clear();
        }
        self.chunks += 1;
        self.out.push(u8::from(last));
        self.out
            .extend_from_slice(&(sealed.len() as u32).to_be_bytes());
        self.out.append(&mut sealed);
    }
}
