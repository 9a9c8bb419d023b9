//! Files on disk: whole trees, written at once or not at all.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use futures::TryStreamExt;
use muster_api::blocks::FileEntry;
use tokio::{fs, io::AsyncWriteExt};

use crate::{
    blocks::{Blocks, blocking},
    error::BlocksError,
    files::check_shape,
    paths::check_tree,
};

impl Blocks {
    /// Writes files into the directory `dest`, each under its path. The
    /// directory appears only when all of it is on disk; so if it is there
    /// already, it is complete, and nothing is done. Its parent must exist.
    ///
    /// # Errors
    /// [`BlocksError::Path`] if the files do not fit into one directory,
    /// [`BlocksError::Missing`], [`BlocksError::Corrupt`],
    /// [`BlocksError::Size`], [`BlocksError::NoSpace`]. Nothing is left then.
    pub async fn materialise(&self, files: &[FileEntry], dest: &Path) -> Result<(), BlocksError> {
        check_tree(files)?;
        files.iter().try_for_each(check_shape)?;
        if fs::try_exists(dest).await? {
            return Ok(());
        }
        // One tree at a time: the unfinished directory has a fixed name, so that
        // what a crash leaves is found and removed by the next attempt.
        let _turn = self.building().lock().await;
        if fs::try_exists(dest).await? {
            return Ok(());
        }
        let unfinished = unfinished(dest)?;
        remove(&unfinished).await?;
        let built = self.build(files, &unfinished, dest).await;
        if built.is_err() {
            remove(&unfinished).await?;
        }
        built
    }

    async fn build(
        &self,
        files: &[FileEntry],
        unfinished: &Path,
        dest: &Path,
    ) -> Result<(), BlocksError> {
        fs::create_dir(unfinished).await?;
        for file in files {
            let path = unfinished.join(&file.path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).await?;
            }
            let mut target = fs::File::create_new(&path).await?;
            let mut content = self.read_file(file, 0..file.size)?;
            while let Some(bytes) = content.try_next().await? {
                target.write_all(&bytes).await?;
            }
            target.flush().await?;
        }
        let (from, to) = (unfinished.to_owned(), dest.to_owned());
        blocking(move || publish(&from, &to)).await
    }
}

/// Gives a finished tree its name. It must be on disk before, or a loss of power
/// could leave a directory that looks complete and is not; one call for the file
/// system does that sooner than one for each of many small files.
fn publish(from: &Path, to: &Path) -> Result<(), BlocksError> {
    rustix::fs::syncfs(File::open(from)?).map_err(io::Error::from)?;
    std::fs::rename(from, to)?;
    if let Some(parent) = to.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Where a tree is built: beside its destination, so that it can be renamed.
fn unfinished(dest: &Path) -> Result<PathBuf, BlocksError> {
    let nameless = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} has no name", dest.display()),
        )
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(dest.file_name().ok_or_else(nameless)?);
    name.push(".unfinished");
    Ok(dest.with_file_name(name))
}

async fn remove(directory: &Path) -> Result<(), BlocksError> {
    match fs::remove_dir_all(directory).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use muster_api::blocks::{Digest, MAX_BLOCK};

    use super::*;
    use crate::testing::{Fixture, content, on_both, store};

    async fn files(blocks: &Blocks) -> Vec<FileEntry> {
        vec![
            blocks
                .write_bytes("index.html", Bytes::from_static(b"<h1>"))
                .await
                .unwrap(),
            blocks
                .write_bytes("deep/er/large", content(MAX_BLOCK + 5))
                .await
                .unwrap(),
            blocks
                .write_bytes("deep/empty", Bytes::new())
                .await
                .unwrap(),
        ]
    }

    fn names(dir: &Path) -> Vec<String> {
        let name = |entry: io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(name).collect();
        names.sort();
        names
    }

    on_both!(a_tree_is_written_as_it_is_listed);

    async fn a_tree_is_written_as_it_is_listed(at: Fixture) {
        let blocks = &at.blocks;
        let out = tempfile::tempdir().unwrap();
        let dest = out.path().join("tree");
        blocks
            .materialise(&files(blocks).await, &dest)
            .await
            .unwrap();
        assert_eq!(
            std::fs::read_to_string(dest.join("index.html")).unwrap(),
            "<h1>"
        );
        assert_eq!(
            std::fs::read(dest.join("deep/er/large")).unwrap(),
            content(MAX_BLOCK + 5)
        );
        assert_eq!(std::fs::read(dest.join("deep/empty")).unwrap(), b"");
        assert_eq!(
            (names(out.path()), names(&dest)),
            (
                vec!["tree".into()],
                vec!["deep".into(), "index.html".into()]
            )
        );
        blocks
            .materialise(&[], &out.path().join("nothing"))
            .await
            .unwrap();
        assert_eq!(names(&out.path().join("nothing")), [""; 0]);
    }

    #[tokio::test]
    async fn what_a_crash_left_is_replaced_and_what_is_complete_stays() {
        let (blocks, _dir) = store();
        let out = tempfile::tempdir().unwrap();
        let dest = out.path().join("tree");
        std::fs::create_dir_all(out.path().join(".tree.unfinished/index.html")).unwrap();
        let files = files(&blocks).await;
        blocks.materialise(&files, &dest).await.unwrap();
        assert!(dest.join("index.html").is_file());
        std::fs::write(dest.join("mark"), "").unwrap();
        let (first, second) = tokio::join!(
            blocks.materialise(&files, &dest),
            blocks.materialise(&[], &dest)
        );
        first.and(second).unwrap();
        assert!(dest.join("mark").is_file());
    }

    #[tokio::test]
    async fn a_tree_that_cannot_be_whole_leaves_nothing() {
        let (blocks, _dir) = store();
        let out = tempfile::tempdir().unwrap();
        let dest = out.path().join("tree");
        let mut files = files(&blocks).await;
        files.push(FileEntry {
            path: "z".into(),
            size: 1,
            blocks: vec![Digest::from_bytes(&[1; 32])],
        });
        assert!(matches!(
            blocks.materialise(&files, &dest).await,
            Err(BlocksError::Missing(_))
        ));
        assert_eq!(names(out.path()), [""; 0]);

        for paths in [["../z", "a"], ["a", "a"], ["a", "a/b"], ["/etc/z", "a"]] {
            let file = |path: &str| FileEntry {
                path: path.into(),
                size: 0,
                blocks: Vec::new(),
            };
            let refused = blocks.materialise(&paths.map(file), &dest).await;
            assert!(matches!(refused, Err(BlocksError::Path(_))), "{paths:?}");
        }
        assert_eq!(names(out.path()), [""; 0]);
    }
}
