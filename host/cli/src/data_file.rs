//! Files of exported data, as `DATA.md` beside this crate's manifest describes:
//! a line of JSON with the apps, then a line for each block.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use muster_api::{
    blocks::{Digest, MAX_BLOCK},
    data::ExportedData,
};
use serde::{Deserialize, Serialize};

use crate::package::digest;

/// The longest line with a block: its bytes in base64, and room for its name.
const MAX_LINE: u64 = (MAX_BLOCK as u64) * 4 / 3 + 1024;
/// The longest first line.
const MAX_FIRST: u64 = 32 << 20;

/// Why a file of data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It could not be read or written.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is not as the format says.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Which, from 1 on.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    block: Digest,
    data: String,
}

/// Writes the first line.
///
/// # Errors
/// If it cannot be written.
pub fn write_data(to: &mut impl Write, data: &ExportedData) -> Result<(), DataError> {
    serde_json::to_writer(&mut *to, data).map_err(std::io::Error::from)?;
    Ok(to.write_all(b"\n")?)
}

/// Writes a block.
///
/// # Errors
/// If it cannot be written.
pub fn write_block(to: &mut impl Write, block: &Digest, bytes: &[u8]) -> Result<(), DataError> {
    let line = Line {
        block: block.clone(),
        data: STANDARD.encode(bytes),
    };
    serde_json::to_writer(&mut *to, &line).map_err(std::io::Error::from)?;
    Ok(to.write_all(b"\n")?)
}

/// A file that is read line by line.
pub struct DataFile<R> {
    source: R,
    line: u64,
}

impl DataFile<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        Ok(Self::new(BufReader::new(File::open(path)?)))
    }
}

impl<R: BufRead> DataFile<R> {
    /// Reads from there.
    pub fn new(source: R) -> Self {
        Self { source, line: 0 }
    }

    /// The first line.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn data(&mut self) -> Result<ExportedData, DataError> {
        let line = self.next_line(MAX_FIRST)?;
        let line = line.ok_or_else(|| self.malformed("the file is empty"))?;
        serde_json::from_slice(&line).map_err(|error| self.malformed(error))
    }

    /// The next block, checked against its name.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn block(&mut self) -> Result<Option<(Digest, Vec<u8>)>, DataError> {
        let Some(line) = self.next_line(MAX_LINE)? else {
            return Ok(None);
        };
        let line: Line = serde_json::from_slice(&line).map_err(|error| self.malformed(error))?;
        let bytes = STANDARD.decode(&line.data);
        let bytes = bytes.map_err(|error| self.malformed(error))?;
        if digest(&bytes) != line.block {
            return Err(self.malformed(format!("the block {} is another one", line.block)));
        }
        Ok(Some((line.block, bytes)))
    }

    fn next_line(&mut self, most: u64) -> Result<Option<Vec<u8>>, DataError> {
        self.line += 1;
        let mut line = Vec::new();
        let mut bounded = std::io::Read::take(&mut self.source, most);
        bounded.read_until(b'\n', &mut line)?;
        match line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(line)),
            Some(_) => Err(self.malformed("it is cut off, or longer than any such line")),
        }
    }

    fn malformed(&self, reason: impl ToString) -> DataError {
        DataError::Malformed {
            line: self.line,
            reason: reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn data() -> ExportedData {
        serde_json::from_value(json!({
            "format": "muster-data", "version": 1, "muster": "0.1.0",
            "made_at": "2026-11-22T14:00:00Z",
            "apps": [{
                "name": "shop", "project": "ada", "started": true, "instances": 2, "current": 3,
                "droplets": [], "releases": [], "routes": [],
            }],
        }))
        .unwrap()
    }

    fn file(blocks: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_data(&mut bytes, &data()).unwrap();
        for block in blocks {
            write_block(&mut bytes, &digest(block), block).unwrap();
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(ExportedData, Vec<Vec<u8>>), DataError> {
        let mut file = DataFile::new(bytes);
        let data = file.data()?;
        let mut blocks = Vec::new();
        while let Some((_, bytes)) = file.block()? {
            blocks.push(bytes);
        }
        Ok((data, blocks))
    }

    #[test]
    fn the_largest_block_fits_into_a_line() {
        let block = vec![7; MAX_BLOCK];
        assert_eq!(
            read(&file(std::slice::from_ref(&block))).unwrap().1,
            [block]
        );
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told_by_line() {
        let whole = file(&[b"abc".to_vec()]);
        let text = String::from_utf8(whole).unwrap();
        for (wrong, line) in [
            (String::new(), 1),
            ("{}\n".to_owned(), 1),
            (text.trim_end().to_owned(), 2),
            (text.replace("YWJj", "YWJk"), 2),
            (text.replace("YWJj", "!"), 2),
            (format!("{text}\n"), 3),
        ] {
            let refused = read(wrong.as_bytes()).unwrap_err();
            assert!(
                matches!(refused, DataError::Malformed { line: at, .. } if at == line),
                "{wrong}: {refused}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..5)) {
            let (found, read) = read(&file(&blocks)).unwrap();
            prop_assert_eq!(found, data());
            prop_assert_eq!(read, blocks);
        }

        #[test]
        fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = read(&[file(&[]), bytes].concat());
        }
    }
}
