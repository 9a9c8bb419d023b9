//! From bytes to parts.

use std::io::{self, Read};

use ring::aead::{Aad, LessSafeKey};

use crate::{
    BackupError,
    head::{Head, MAX_HEAD},
    key::{Lock, associated, nonce, sha256},
    write::CHUNK,
};

const TAG: usize = 16;
/// The longest frame: a block.
const MAX_FRAME: usize = 4 << 20;

/// What comes out of a backup, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A part begins.
    Part(String),
    /// Bytes of the part.
    Data(Vec<u8>),
    /// The part has ended, and was whole.
    End,
}

/// Reads a backup. Whatever it gives is as it was written.
pub struct Reader<R> {
    source: R,
    key: LessSafeKey,
    head: [u8; 32],
    plain: Vec<u8>,
    at: usize,
    chunks: u64,
    read: u64,
    last: bool,
    parts: u64,
    open: Option<u64>,
    done: bool,
}

/// Reads the head, and nothing else.
///
/// # Errors
/// [`BackupError::Foreign`], [`BackupError::Newer`].
pub fn head_of(source: &mut impl Read) -> Result<Head, BackupError> {
    read_head(source).map(|(head, _)| head)
}

fn read_head(source: &mut impl Read) -> Result<(Head, Vec<u8>), BackupError> {
    let mut whole = Vec::new();
    let first = line(source, &mut whole)?;
    Head::check_first(&whole[..first])?;
    let begin = whole.len();
    let second = line(source, &mut whole)?;
    Ok((Head::parse(&whole[begin..second])?, whole))
}

/// Reads a line; says where its text ends.
fn line(source: &mut impl Read, whole: &mut Vec<u8>) -> Result<usize, BackupError> {
    let mut byte = [0];
    loop {
        if whole.len() > MAX_HEAD || source.read(&mut byte)? == 0 {
            return Err(BackupError::Foreign);
        }
        whole.push(byte[0]);
        if byte[0] == b'\n' {
            return Ok(whole.len() - 1);
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads the head and makes the key; that takes a moment with a passphrase.
    ///
    /// # Errors
    /// [`BackupError::Foreign`], [`BackupError::Newer`], [`BackupError::Key`].
    pub fn open(mut source: R, lock: &Lock) -> Result<(Self, Head), BackupError> {
        let (head, whole) = read_head(&mut source)?;
        let salt = unhex(&head.salt).ok_or(BackupError::Foreign)?;
        let reader = Self {
            source,
            key: lock.key(head.key, &salt)?,
            head: sha256(&whole),
            plain: Vec::new(),
            at: 0,
            chunks: 0,
            read: whole.len() as u64,
            last: false,
            parts: 0,
            open: None,
            done: false,
        };
        Ok((reader, head))
    }

    /// The next item; `None` once the backup has ended and was whole.
    ///
    /// # Errors
    /// [`BackupError::Closed`] if the first chunk does not open,
    /// [`BackupError::Damaged`], [`BackupError::CutOff`].
    pub fn next_item(&mut self) -> Result<Option<Item>, BackupError> {
        if self.done {
            return Ok(None);
        }
        let head = self.plain(5)?;
        let kind = head[0];
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_FRAME {
            return Err(self.damaged());
        }
        let bytes = self.plain(length)?;
        match (kind, self.open) {
            (b'H', None) => {
                self.parts += 1;
                self.open = Some(0);
                let name = String::from_utf8(bytes).map_err(|_| self.damaged())?;
                Ok(Some(Item::Part(name)))
            }
            (b'D', Some(length)) => {
                self.open = Some(length + bytes.len() as u64);
                Ok(Some(Item::Data(bytes)))
            }
            (b'E', Some(length)) if bytes == length.to_be_bytes() => {
                self.open = None;
                Ok(Some(Item::End))
            }
            (b'Z', None) if bytes == self.parts.to_be_bytes() => {
                if self.at < self.plain.len() || !self.last || self.source.read(&mut [0])? > 0 {
                    return Err(self.damaged());
                }
                self.done = true;
                Ok(None)
            }
            _ => Err(self.damaged()),
        }
    }

    fn damaged(&self) -> BackupError {
        BackupError::Damaged { at: self.read }
    }

    /// So many bytes of what was sealed.
    fn plain(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        while self.plain.len() - self.at < length {
            if self.last {
                return Err(self.damaged());
            }
            self.chunk()?;
        }
        let bytes = self.plain[self.at..self.at + length].to_vec();
        self.at += length;
        Ok(bytes)
    }

    fn chunk(&mut self) -> Result<(), BackupError> {
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let last = head[0] == 1;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let wrong = |this: &Self| match this.chunks {
            0 => BackupError::Closed,
            _ => this.damaged(),
        };
        if head[0] > 1 || !(TAG..=CHUNK + TAG).contains(&length) {
            return Err(wrong(self));
        }
        let mut sealed = vec![0; length];
        self.fill(&mut sealed)?;
        let bound = Aad::from(associated(&self.head, self.chunks, last));
        let opened = self
            .key
            .open_in_place(nonce(self.chunks), bound, &mut sealed);
        let Ok(opened) = opened else {
            return Err(wrong(self));
        };
        self.plain.drain(..self.at);
        self.at = 0;
        self.plain.extend_from_slice(opened);
        self.read += (head.len() + length) as u64;
        self.chunks += 1;
        self.last = last;
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.source.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                BackupError::CutOff
            } else {
                BackupError::Io(error)
            }
        })
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests;
