//! Whole files of any length, in a folder or in a bucket: for what belongs to no
//! block, such as backups.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    ObjectStore, ObjectStoreExt, WriteMultipart, local::LocalFileSystem, path::Path,
};

use crate::{
    blocks::blocking,
    error::BlocksError,
    place::{Credentials, Place},
    remote::{Remote, away, is_not_found},
};

/// How much goes to a server in one piece.
const PIECE: usize = 8 << 20;
/// How many pieces may be on their way.
const PIECES: usize = 4;
/// What an upload to a folder left that ended in its middle goes after so long.
const LEFTOVER: Duration = Duration::from_secs(24 * 3600);

/// A folder, or a part of a bucket, with files in it.
#[derive(Debug, Clone)]
pub struct Depot {
    objects: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
}

/// A file in a depot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
}

/// A file on its way into a depot. It is there once it is finished; what is
/// dropped before never was.
#[derive(Debug)]
pub struct Upload(WriteMultipart);

impl Depot {
    /// Opens the depot at `place`: an absolute path of a folder, which is made if
    /// there is none, or `s3://…` as blocks have it.
    ///
    /// # Errors
    /// If it is neither, or the folder cannot be made.
    pub fn open(place: &str, credentials: &Credentials) -> Result<Self, BlocksError> {
        if place.starts_with("s3://") {
            let parsed = place.parse::<Place>();
            let parsed = parsed.map_err(|error| BlocksError::Other(Box::new(error)))?;
            if let Place::S3(there) = parsed {
                return Ok(Self {
                    objects: Arc::new(Remote::objects_of(&there, credentials)?),
                    folder: None,
                });
            }
        }
        let folder = PathBuf::from(place);
        if !folder.is_absolute() {
            let why = format!("'{place}' is neither an absolute path nor begins with s3://");
            return Err(BlocksError::Other(why.into()));
        }
        std::fs::create_dir_all(&folder)?;
        let objects = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            folder: Some(folder),
        })
    }

    /// The files with names that end so, in the order of their names.
    ///
    /// # Errors
    /// If the depot cannot be read.
    pub async fn list(&self, ending: &str) -> Result<Vec<Stored>, BlocksError> {
        let all = self.objects.list_with_delimiter(None).await;
        let all = all.map_err(|error| self.failed(error))?;
        let files = all.objects.into_iter().filter_map(|object| {
            let name = object.location.filename()?.to_owned();
            name.ends_with(ending).then_some(Stored {
                name,
                size: object.size,
            })
        });
        let mut files: Vec<_> = files.collect();
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    /// Begins to write a file.
    ///
    /// # Errors
    /// If the depot cannot be written.
    pub async fn begin(&self, name: &str) -> Result<Upload, BlocksError> {
        self.sweep().await?;
        let upload = self.objects.put_multipart(&Path::from(name)).await;
        let upload = upload.map_err(|error| self.failed(error))?;
        Ok(Upload(WriteMultipart::new_with_chunk_size(upload, PIECE)))
    }

    /// The bytes of a file; `None` if there is none.
    ///
    /// # Errors
    /// If the depot cannot be read.
    pub async fn read(
        &self,
        name: &str,
    ) -> Result<Option<BoxStream<'static, Result<Bytes, BlocksError>>>, BlocksError> {
        let object = match self.objects.get(&Path::from(name)).await {
            Ok(object) => object,
            Err(error) if is_not_found(&error) => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let this = self.clone();
        let bytes = object.into_stream();
        Ok(Some(bytes.map_err(move |error| this.failed(error)).boxed()))
    }

    /// The first bytes of a file, at most so many; `None` if there is none.
    ///
    /// # Errors
    /// If the depot cannot be read.
    pub async fn beginning(&self, name: &str, most: u64) -> Result<Option<Bytes>, BlocksError> {
        let Some(mut stream) = self.read(name).await? else {
            return Ok(None);
        };
        let mut begin = Vec::new();
        while (begin.len() as u64) < most
            && let Some(bytes) = stream.try_next().await?
        {
            begin.extend_from_slice(&bytes);
        }
        Ok(Some(begin.into()))
    }

    /// Removes a file.
    ///
    /// # Errors
    /// If the depot cannot be written.
    pub async fn delete(&self, name: &str) -> Result<(), BlocksError> {
        match self.objects.delete(&Path::from(name)).await {
            Err(error) if !is_not_found(&error) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn failed(&self, error: object_store::Error) -> BlocksError {
        match &self.folder {
            Some(_) => error.into(),
            None => away(error),
        }
    }

    /// Removes what uploads to a folder left that ended in their middle. A bucket
    /// does not show such.
    async fn sweep(&self) -> Result<(), BlocksError> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        blocking(move || {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                let name = entry.file_name();
                let parts = name.to_str().and_then(|name| name.rsplit_once('#'));
                let is_leftover = parts.is_some_and(|(_, number)| number.parse::<u32>().is_ok());
                let modified = entry.metadata()?.modified()?;
                if is_leftover && modified.elapsed().is_ok_and(|age| age > LEFTOVER) {
                    crate::local::remove(&entry.path())?;
                }
            }
            Ok(())
        })
        .await
    }
}

impl Upload {
    /// Adds bytes.
    ///
    /// # Errors
    /// If earlier ones could not be written.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), BlocksError> {
        let room = self.0.wait_for_capacity(PIECES).await;
        room.map_err(BlocksError::from)?;
        self.0.write(bytes);
        Ok(())
    }

    /// Has the file there under its name, as a whole.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn finish(self) -> Result<(), BlocksError> {
        Ok(self.0.finish().await.map(drop)?)
    }

    /// Takes back what was written.
    pub async fn abort(self) {
        if let Err(error) = self.0.abort().await {
            tracing::debug!(%error, "an upload could not be taken back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{credentials, server};

    async fn content(depot: &Depot, name: &str) -> Option<Vec<u8>> {
        let stream = depot.read(name).await.unwrap()?;
        let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
        Some(pieces.concat())
    }

    async fn keeps_files(depot: Depot) {
        let large = vec![7; 20 << 20];
        for (name, bytes) in [("b.x", &large[..]), ("a.x", b"small"), ("c.y", b"")] {
            let mut upload = depot.begin(name).await.unwrap();
            for piece in bytes.chunks(1 << 20) {
                upload.write(piece).await.unwrap();
            }
            upload.finish().await.unwrap();
        }
        let mut cut = depot.begin("cut.x").await.unwrap();
        cut.write(&large).await.unwrap();
        cut.abort().await;
        let listed = depot.list(".x").await.unwrap();
        let names: Vec<_> = listed
            .iter()
            .map(|file| (file.name.as_str(), file.size))
            .collect();
        assert_eq!(names, [("a.x", 5), ("b.x", large.len() as u64)]);
        assert_eq!(content(&depot, "b.x").await.unwrap(), large);
        depot.delete("b.x").await.unwrap();
        depot.delete("b.x").await.unwrap();
        assert!(content(&depot, "b.x").await.is_none());
        assert_eq!(content(&depot, "a.x").await.unwrap(), b"small");
    }

    #[tokio::test]
    async fn a_folder_keeps_files() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("deep/er").display().to_string();
        keeps_files(Depot::open(&place, &Credentials::default()).unwrap()).await;
        let relative = Depot::open("here", &Credentials::default());
        assert!(relative.is_err());
    }

    #[tokio::test]
    async fn a_bucket_keeps_files() {
        let server = server();
        let place = server.url("blocks/backups");
        keeps_files(Depot::open(&place, &credentials()).unwrap()).await;
        server.go_away();
        let depot = Depot::open(&place, &credentials()).unwrap();
        assert!(matches!(
            depot.list(".x").await,
            Err(BlocksError::Away { .. })
        ));
    }
}
