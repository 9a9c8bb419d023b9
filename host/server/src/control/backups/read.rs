//! Reading a backup part by part, and checking it on the way.

use std::{collections::BTreeMap, io::Read};

use muster_api::blocks::Digest;
use muster_backup::{BackupError, BlocksIn, Head, Item, Lock, Reader};
use sha2::{Digest as _, Sha256};

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableBackup {
    /// The file is not whole.
    #[error(transparent)]
    File(#[from] BackupError),
    /// The file is whole, but what is in it is not.
    #[error("the backup was not made well: {0}")]
    Content(String),
    /// It cannot be put where it is wanted.
    #[error("{0}")]
    Target(String),
}

fn content(why: impl Into<String>) -> UnusableBackup {
    UnusableBackup::Content(why.into())
}

/// A backup that is read.
pub(super) struct Parts<R> {
    reader: Reader<R>,
    pub(super) head: Head,
    /// The blocks that the state needs, with their lengths, and whether each has
    /// come.
    pub(super) blocks: BTreeMap<Digest, (u64, bool)>,
}

impl<R: Read> Parts<R> {
    pub(super) fn open(source: R, lock: &Lock) -> Result<Self, UnusableBackup> {
        let (reader, head) = Reader::open(source, lock)?;
        Ok(Self {
            reader,
            head,
            blocks: BTreeMap::new(),
        })
    }

    /// The name of the next part.
    pub(super) fn next_part(&mut self) -> Result<Option<String>, UnusableBackup> {
        loop {
            match self.reader.next_item()? {
                None => return Ok(None),
                Some(Item::Part(name)) => return Ok(Some(name)),
                // Of a part that nobody knows, or has finished reading.
                Some(Item::Data(_) | Item::End) => {}
            }
        }
    }

    /// A part of no great length.
    pub(super) fn whole(&mut self, most: usize) -> Result<Vec<u8>, UnusableBackup> {
        let mut bytes = Vec::new();
        while let Some(Item::Data(piece)) = self.reader.next_item()? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > most {
                return Err(content("a part is longer than it can be"));
            }
        }
        Ok(bytes)
    }

    /// The lines of a part. What is wrong with the file comes as an error, and is
    /// kept in `failed`.
    pub(super) fn lines<'p>(&'p mut self, failed: &'p mut Option<BackupError>) -> Lines<'p, R> {
        Lines {
            reader: &mut self.reader,
            failed,
            waiting: Vec::new(),
            at: 0,
            ended: false,
        }
    }

    /// The list of blocks.
    pub(super) fn list(&mut self) -> Result<(), UnusableBackup> {
        let mut failed = None;
        let mut blocks = BTreeMap::new();
        for line in self.lines(&mut failed) {
            let line = line.map_err(content)?;
            let known = line
                .split_once(' ')
                .and_then(|(name, size)| Some((Digest::parse(name).ok()?, size.parse().ok()?)));
            let (name, size) = known.ok_or_else(|| content("its list of blocks is odd"))?;
            blocks.insert(name, (size, false));
        }
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        self.blocks = blocks;
        Ok(())
    }

    /// A block, checked against its name.
    pub(super) fn block(&mut self, name: &str) -> Result<(Digest, Vec<u8>), UnusableBackup> {
        let bytes = self.whole(muster_api::blocks::MAX_BLOCK)?;
        let hash = Digest::from_bytes(&Sha256::digest(&bytes).into());
        let known = self.blocks.get_mut(&hash);
        match known {
            Some((size, come)) if hash.as_str() == name && *size == bytes.len() as u64 => {
                *come = true;
                Ok((hash, bytes))
            }
            _ => Err(content(format!("its block {name} is another one"))),
        }
    }

    /// Checks that everything has come that must.
    pub(super) fn complete(&self, state: bool, key: bool) -> Result<(), UnusableBackup> {
        if !state || !key {
            return Err(content("the state or its key is missing"));
        }
        let missing = self.blocks.values().filter(|(_, come)| !come).count();
        if self.head.blocks == BlocksIn::All && missing > 0 {
            return Err(content(format!("{missing} blocks are missing")));
        }
        Ok(())
    }
}

/// The lines of a part.
pub(super) struct Lines<'p, R> {
    reader: &'p mut Reader<R>,
    failed: &'p mut Option<BackupError>,
    waiting: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Iterator for Lines<'_, R> {
    type Item = Result<String, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut searched = self.at;
        loop {
            let found = self.waiting[searched..]
                .iter()
                .position(|byte| *byte == b'\n');
            if let Some(found) = found {
                let end = searched + found;
                let line = self.waiting[self.at..end].to_vec();
                self.at = end + 1;
                return Some(String::from_utf8(line).map_err(|error| error.to_string()));
            }
            if self.ended {
                let rest = self.waiting.split_off(self.at);
                self.waiting.clear();
                self.at = 0;
                let rest = String::from_utf8(rest).map_err(|error| error.to_string());
                return match rest {
                    Ok(rest) if rest.is_empty() => None,
                    other => Some(other),
                };
            }
            self.waiting.drain(..self.at);
            self.at = 0;
            searched = self.waiting.len();
            match self.reader.next_item() {
                Ok(Some(Item::Data(bytes))) => self.waiting.extend_from_slice(&bytes),
                Ok(_) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    self.waiting.clear();
                    let text = error.to_string();
                    *self.failed = Some(error);
                    return Some(Err(text));
                }
            }
        }
    }
}
