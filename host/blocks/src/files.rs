//! Files: lists of blocks.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use muster_api::blocks::{FileEntry, MAX_BLOCK};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{
    blocks::Blocks,
    error::BlocksError,
    paths::{check_path, check_tree},
};

/// [`MAX_BLOCK`] as sizes of files are counted.
const BLOCK: u64 = MAX_BLOCK as u64;

/// What of one block belongs to a range of its file.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    /// The block's place in the file.
    index: usize,
    /// How long the block must be.
    length: usize,
    /// The bytes of the block that are wanted.
    wanted: Range<usize>,
}

impl Blocks {
    /// Keeps what `content` has to say as the file `path`. It is read to its end.
    ///
    /// # Errors
    /// [`BlocksError::Path`] if the path is not allowed,
    /// [`BlocksError::NoSpace`], or why `content` could not be read.
    pub async fn write_file(
        &self,
        path: &str,
        mut content: impl AsyncRead + Unpin,
    ) -> Result<FileEntry, BlocksError> {
        check_path(path)?;
        let mut file = FileEntry {
            path: path.to_owned(),
            size: 0,
            blocks: Vec::new(),
        };
        loop {
            let mut block = BytesMut::with_capacity(64 << 10);
            let mut rest = (&mut content).take(BLOCK);
            while rest.read_buf(&mut block).await? > 0 {}
            if block.is_empty() {
                return Ok(file);
            }
            file.size += block.len() as u64;
            file.blocks.push(self.put_new(block.freeze()).await?);
        }
    }

    /// Keeps bytes as the file `path`.
    ///
    /// # Errors
    /// [`BlocksError::Path`] if the path is not allowed, [`BlocksError::NoSpace`].
    pub async fn write_bytes(
        &self,
        path: &str,
        mut bytes: Bytes,
    ) -> Result<FileEntry, BlocksError> {
        check_path(path)?;
        let mut file = FileEntry {
            path: path.to_owned(),
            size: bytes.len() as u64,
            blocks: Vec::new(),
        };
        while !bytes.is_empty() {
            let block = bytes.split_to(bytes.len().min(MAX_BLOCK));
            file.blocks.push(self.put_new(block).await?);
        }
        Ok(file)
    }

    /// The bytes of a range of a file, in pieces, each checked before it comes.
    /// What lies beyond the file's end is left out.
    ///
    /// # Errors
    /// [`BlocksError::Size`] at once if size and number of blocks contradict
    /// each other; in the stream, what [`get`](Self::get) says.
    pub fn read_file(
        &self,
        file: &FileEntry,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlocksError>>, BlocksError> {
        check_shape(file)?;
        let blocks = self.clone();
        let file = file.clone();
        let pieces = stream::iter(pieces(file.size, range));
        let bytes = pieces.then(move |piece| {
            let (blocks, digest) = (blocks.clone(), file.blocks[piece.index].clone());
            let (path, size) = (file.path.clone(), file.size);
            async move {
                let bytes = blocks.get(&digest).await?;
                if bytes.len() != piece.length {
                    return Err(BlocksError::Size { path, size });
                }
                Ok(bytes.slice(piece.wanted))
            }
        });
        Ok(bytes.boxed())
    }

    /// All bytes of a file, in memory.
    ///
    /// # Errors
    /// See [`read_file`](Self::read_file).
    pub async fn load_file(&self, file: &FileEntry) -> Result<Bytes, BlocksError> {
        let mut pieces: Vec<Bytes> = self.read_file(file, 0..file.size)?.try_collect().await?;
        match pieces.len() {
            1 => Ok(pieces.remove(0)),
            _ => Ok(pieces.concat().into()),
        }
    }

    /// Checks files that somebody else has listed: that they fit into one
    /// directory, that their blocks are there, and that these are as long as the
    /// files' sizes say. The blocks count as young from now on, see
    /// [`missing`](Self::missing).
    ///
    /// # Errors
    /// [`BlocksError::Path`], [`BlocksError::Missing`] with the first block that
    /// is, or [`BlocksError::Size`].
    pub async fn check_files(&self, files: &[FileEntry]) -> Result<(), BlocksError> {
        check_tree(files)?;
        for file in files {
            check_shape(file)?;
            let sizes = self.touch(&file.blocks).await?;
            for (piece, (block, size)) in
                pieces(file.size, 0..file.size).zip(file.blocks.iter().zip(sizes))
            {
                let size = size.ok_or_else(|| BlocksError::Missing(block.clone()))?;
                if size != piece.length as u64 {
                    return Err(BlocksError::Size {
                        path: file.path.clone(),
                        size: file.size,
                    });
                }
            }
        }
        Ok(())
    }
}

/// Checks that a file has as many blocks as its size says.
pub(crate) fn check_shape(file: &FileEntry) -> Result<(), BlocksError> {
    let fits =
        u64::try_from(file.blocks.len()).is_ok_and(|blocks| blocks == file.size.div_ceil(BLOCK));
    if fits {
        Ok(())
    } else {
        Err(BlocksError::Size {
            path: file.path.clone(),
            size: file.size,
        })
    }
}

/// What a range takes of each block of a file of `size` bytes.
fn pieces(size: u64, range: Range<u64>) -> impl Iterator<Item = Piece> {
    let (start, end) = (range.start.min(size), range.end.min(size));
    let blocks = if start < end {
        start / BLOCK..end.div_ceil(BLOCK)
    } else {
        0..0
    };
    blocks.map(move |index| {
        let begin = index * BLOCK;
        let length = BLOCK.min(size - begin);
        let wanted = start.max(begin) - begin..end.min(begin + length) - begin;
        // Every number here is at most a block's length, but the index, of which
        // there are as many as a list in memory has entries.
        Piece {
            index: index as usize,
            length: length as usize,
            wanted: wanted.start as usize..wanted.end as usize,
        }
    })
}

#[cfg(test)]
mod tests;
