//! Files of bundles on disk: `content/NAME` is a link to a folder that holds all
//! of one content. So a bundle is replaced at once and whole, and whoever has
//! just opened the one before goes on reading it.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use muster_api::bundles::BundleKind;
use muster_blocks::{Blocks, BlocksError};
use muster_store::BundleRecord;

use crate::data_dir::{DataDir, VERSIONS};

/// Where files are laid out.
pub(super) struct Layout<'c> {
    content: PathBuf,
    versions: PathBuf,
    blocks: &'c Blocks,
}

impl<'c> Layout<'c> {
    pub(super) fn new(dir: &DataDir, blocks: &'c Blocks) -> Self {
        Self {
            content: dir.content(),
            versions: dir.content_versions(),
            blocks,
        }
    }

    /// The bundles whose files lie there as they are now.
    pub(super) fn ready(&self, bundles: &[BundleRecord]) -> HashSet<String> {
        let lies = |bundle: &&BundleRecord| {
            fs::read_link(self.content.join(&bundle.name))
                .is_ok_and(|to| to == version(bundle) && self.content.join(to).is_dir())
        };
        let files = bundles.iter().filter(|it| it.kind == BundleKind::Files);
        files.filter(lies).map(|it| it.name.clone()).collect()
    }

    /// Lays the files of a bundle out, in place of those before.
    pub(super) async fn lay(&self, bundle: &BundleRecord) -> Result<(), BlocksError> {
        fs::create_dir_all(&self.versions)?;
        let folder = self.content.join(version(bundle));
        self.blocks.materialise(&bundle.files, &folder).await?;
        let fresh = self.content.join(format!(".{}.new", bundle.name));
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        symlink(version(bundle), &fresh)?;
        fs::rename(&fresh, self.content.join(&bundle.name))?;
        fs::File::open(&self.content)?.sync_all()?;
        Ok(())
    }

    /// Removes what no bundle has any more.
    pub(super) async fn tidy(&self, bundles: &[BundleRecord]) -> Result<(), BlocksError> {
        let files = bundles.iter().filter(|it| it.kind == BundleKind::Files);
        let names: HashSet<_> = files.map(|it| it.name.clone()).collect();
        let (content, versions) = (self.content.clone(), self.versions.clone());
        let swept = tokio::task::spawn_blocking(move || sweep(&content, &versions, &names)).await;
        let swept = swept.map_err(io::Error::other)?;
        Ok(swept?)
    }
}

/// Where the link of a bundle leads.
fn version(bundle: &BundleRecord) -> PathBuf {
    Path::new(VERSIONS).join(&bundle.digest)
}

/// Only links into the folder of contents are ours, and what is in there.
fn sweep(content: &Path, versions: &Path, names: &HashSet<String>) -> io::Result<()> {
    let mut used = HashSet::new();
    for entry in entries(content)? {
        let Ok(to) = fs::read_link(entry.path()) else {
            continue;
        };
        if !to.starts_with(VERSIONS) {
            continue;
        }
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| names.contains(name)) {
            used.extend(to.file_name().map(ToOwned::to_owned));
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    for entry in entries(versions)? {
        if !used.contains(&entry.file_name()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    struct Place {
        dir: DataDir,
        blocks: Blocks,
        _folder: tempfile::TempDir,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        let blocks = Blocks::open(&dir.blocks()).unwrap();
        Place {
            dir,
            blocks,
            _folder: folder,
        }
    }

    impl Place {
        async fn bundle(&self, name: &str, text: &'static str) -> BundleRecord {
            let bytes = Bytes::from_static(text.as_bytes());
            let file = self.blocks.write_bytes("deep/a", bytes).await.unwrap();
            BundleRecord {
                name: name.to_owned(),
                kind: BundleKind::Files,
                size: file.size,
                digest: file.blocks[0].to_string(),
                files: vec![file],
                created_at: muster_store::now(),
            }
        }

        fn read(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.dir.content().join(name).join("deep/a")).ok()
        }

        fn versions(&self) -> usize {
            entries(&self.dir.content_versions()).unwrap().len()
        }
    }

    #[tokio::test]
    async fn files_are_replaced_whole_and_go_with_their_bundle() {
        let place = place();
        let layout = Layout::new(&place.dir, &place.blocks);
        let (old, new) = (
            place.bundle("maps", "old").await,
            place.bundle("maps", "new").await,
        );
        let same = place.bundle("copy", "new").await;
        layout.tidy(&[]).await.unwrap();
        layout.lay(&old).await.unwrap();
        assert_eq!(place.read("maps").as_deref(), Some("old"));
        let ready = |bundle: &BundleRecord| layout.ready(std::slice::from_ref(bundle)).len();
        assert_eq!((ready(&old), ready(&new)), (1, 0));
        let opened = fs::File::open(place.dir.content().join("maps/deep/a")).unwrap();

        // Until the new content is there, the old one stays.
        layout.tidy(std::slice::from_ref(&new)).await.unwrap();
        assert_eq!(place.read("maps").as_deref(), Some("old"));
        layout.lay(&new).await.unwrap();
        layout.lay(&same).await.unwrap();
        let both = [new, same];
        layout.tidy(&both).await.unwrap();
        assert_eq!(place.read("maps").as_deref(), Some("new"));
        assert_eq!(place.versions(), 1, "names share what is the same");
        assert_eq!(io::read_to_string(opened).unwrap(), "old");

        layout.tidy(&both[..1]).await.unwrap();
        assert_eq!((place.read("copy"), place.versions()), (None, 1));
        fs::write(place.dir.content().join("foreign"), "mine").unwrap();
        layout.tidy(&[]).await.unwrap();
        assert_eq!((place.read("maps"), place.versions()), (None, 0));
        assert!(place.dir.content().join("foreign").exists());
    }
}
