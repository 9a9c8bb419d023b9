//! Bundles: content that a group of hosts has in common. The host that leads
//! decides on them; [`content`](super::content) brings them to the others.

use bytes::Bytes;
use futures::stream::BoxStream;
use muster_api::{
    blocks::FileEntry,
    bundles::{Bundle, BundleDetail, BundleHost, BundleKind, ContentProgress, NewBundle},
    id::HostId,
    name,
    page::{Page, PageQuery},
    permissions::Permission,
    plan::Plan,
};
use muster_blocks::{Blocks, BlocksError};
use muster_store::{BundleRecord, ChangeKind, Store, Tx};
use sha2::{Digest, Sha256};

use super::{
    content::wanted,
    error::ControlError,
    linking::Links,
    record::{Actor, Change, record, value},
    terms::{Outcome, Terms},
    views::{counted, page_of},
};

/// The most files of one bundle.
const MAX_FILES: usize = 50_000;

/// The bundles of this host or of its group.
#[derive(Clone)]
pub(crate) struct Bundles {
    pub(crate) store: Store,
    pub(crate) blocks: Blocks,
    pub(crate) links: Links,
}

impl Bundles {
    /// The bundles that this host is to have, by name.
    pub(crate) async fn list(&self, query: &PageQuery) -> Result<Page<Bundle>, ControlError> {
        let all = wanted(&self.store, &self.links).await?;
        page_of(all.iter().map(view).collect(), query)
    }

    /// One bundle, and how far each host has got with it.
    pub(crate) async fn show(
        &self,
        name: &str,
    ) -> Result<(BundleRecord, BundleDetail), ControlError> {
        let bundle = self.find(name).await?;
        let mut hosts: Vec<BundleHost> = Vec::new();
        for host in self.links.all().await? {
            hosts.push(progress(host.id, host.name, &host.about.content, &bundle));
        }
        if hosts.is_empty() {
            let (me, content) = (self.links.myself(), self.links.content());
            hosts.push(progress(me.id, me.name, &content, &bundle));
        }
        let detail = BundleDetail {
            bundle: view(&bundle),
            files: bundle.files.clone(),
            hosts,
        };
        Ok((bundle, detail))
    }

    /// Keeps a bundle. That one of its name has other content is refused unless
    /// it is to be replaced; the same content again changes nothing.
    pub(crate) async fn put(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        new: NewBundle,
        replace: bool,
    ) -> Result<Outcome<(BundleRecord, Bundle)>, ControlError> {
        name::check(name).map_err(|why| ControlError::invalid("bundle", why))?;
        let bundle = self.checked(name, new).await?;
        if !terms.dry_run {
            let files = bundle.files.iter();
            let blocks: Vec<_> = files.flat_map(|file| file.blocks.clone()).collect();
            self.links.are_held_elsewhere(&blocks).await?;
        }
        let (actor, owned) = (actor.clone(), terms.clone());
        let (bundle, plan) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let known = tx.bundle_get(&bundle.name).await?;
                    owned.check(known.as_ref())?;
                    let Some(known) = known else {
                        tx.bundle_put(&bundle).await?;
                        changed(tx, &actor, None, Some(&bundle), "put").await?;
                        let plan = plan_of(vec![], vec![told(&bundle)]);
                        return Ok::<_, ControlError>((bundle, plan));
                    };
                    if (known.kind, &known.digest) == (bundle.kind, &bundle.digest) {
                        return Ok((known, Plan::default()));
                    }
                    if !replace {
                        return Err(exists(&known));
                    }
                    tx.bundle_put(&bundle).await?;
                    changed(tx, &actor, Some(&known), Some(&bundle), "replace").await?;
                    let plan = plan_of(vec![told(&known)], vec![told(&bundle)]);
                    Ok((bundle, plan))
                })
            })
            .await?;
        let shown = view(&bundle);
        Ok(terms.outcome((bundle, shown), plan))
    }

    /// Removes a bundle, on every host of the group.
    pub(crate) async fn remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        let (actor, owned, name) = (actor.clone(), terms.clone(), name.to_owned());
        let bundle = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let found = tx.bundle_get(&name).await?;
                    let bundle = found.ok_or_else(|| ControlError::not_found("bundle", name))?;
                    owned.check(Some(&bundle))?;
                    tx.bundle_delete(&bundle.name).await?;
                    changed(tx, &actor, Some(&bundle), None, "remove").await?;
                    Ok::<_, ControlError>(bundle)
                })
            })
            .await?;
        Ok(Plan {
            done: !terms.dry_run,
            ..plan_of(vec![told(&bundle)], vec![])
        })
    }

    /// The bytes of a bundle's file, and how many there are. A host that does
    /// not have them yet gets them from the others.
    pub(crate) async fn file(
        &self,
        name: &str,
        path: &str,
    ) -> Result<(u64, BoxStream<'static, Result<Bytes, BlocksError>>), ControlError> {
        let bundle = self.find(name).await?;
        let file = bundle.files.into_iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| ControlError::not_found("file", path))?;
        self.fetched(name, &file).await?;
        Ok((file.size, self.blocks.read_file(&file, 0..file.size)?))
    }

    /// The component of a bundle that is a plugin.
    pub(crate) async fn component(
        &self,
        actor: &Actor,
        name: &str,
        most: u64,
    ) -> Result<Bytes, ControlError> {
        let permission = Permission::BundleRead;
        if !actor.rights.everywhere(permission) {
            return Err(ControlError::Forbidden { permission });
        }
        let bundle = self.find(name).await?;
        let [file] = bundle.files.as_slice() else {
            return Err(no_plugin(&bundle));
        };
        if bundle.kind != BundleKind::Plugin {
            return Err(no_plugin(&bundle));
        }
        if file.size > most {
            let why = format!("the plugin has {} bytes, {most} at most", file.size);
            return Err(ControlError::invalid("bundle", why));
        }
        self.fetched(name, file).await?;
        Ok(self.blocks.load_file(file).await?)
    }

    async fn fetched(&self, name: &str, file: &FileEntry) -> Result<(), ControlError> {
        let had = self.links.have(&file.blocks).await;
        had.map_err(|why| ControlError::Conflict {
            code: "bundle-incomplete",
            message: format!("'{}' has not arrived on this host: {why}", file.path),
            remedy: format!("see how far it is with: muster bundle show {name}"),
        })
    }

    async fn find(&self, name: &str) -> Result<BundleRecord, ControlError> {
        let all = wanted(&self.store, &self.links).await?;
        let found = all.iter().find(|bundle| bundle.name == name);
        let found = found.ok_or_else(|| ControlError::not_found("bundle", name))?;
        Ok(found.clone())
    }

    /// A bundle that can be kept: its files are good and their blocks here.
    pub(super) async fn checked(
        &self,
        name: &str,
        new: NewBundle,
    ) -> Result<BundleRecord, ControlError> {
        let NewBundle { kind, mut files } = new;
        if files.is_empty() || files.len() > MAX_FILES {
            let why = format!(
                "a bundle has 1 to {MAX_FILES} files, this one has {}",
                files.len()
            );
            return Err(ControlError::invalid("files", why));
        }
        let single = match kind {
            BundleKind::Plugin => Some("a plugin is one component"),
            BundleKind::Release => Some("a release is one program"),
            _ => None,
        };
        if let Some(single) = single.filter(|_| files.len() > 1) {
            let why = format!("{single}, not {} files", files.len());
            return Err(ControlError::invalid("files", why));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let blocks: Vec<_> = files.iter().flat_map(|it| it.blocks.clone()).collect();
        let missing = self.blocks.missing(&blocks).await?;
        if !missing.is_empty() {
            return Err(ControlError::BlocksMissing(missing));
        }
        let checked = self.blocks.check_files(&files).await;
        checked.map_err(|error| ControlError::invalid("files", error.to_string()))?;
        Ok(BundleRecord {
            name: name.to_owned(),
            kind,
            size: files.iter().map(|file| file.size).sum(),
            digest: digest(&files),
            files,
            created_at: muster_store::now(),
        })
    }
}

/// A SHA-256 over paths, sizes and blocks, each with its length before it, so
/// that different lists are never the same text.
fn digest(files: &[FileEntry]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        hash.update((file.path.len() as u64).to_be_bytes());
        hash.update(&file.path);
        hash.update(file.size.to_be_bytes());
        hash.update((file.blocks.len() as u64).to_be_bytes());
        for block in &file.blocks {
            hash.update(block.as_str());
        }
    }
    muster_api::blocks::Digest::from_bytes(&hash.finalize().into()).to_string()
}

fn view(bundle: &BundleRecord) -> Bundle {
    Bundle {
        name: bundle.name.clone(),
        kind: bundle.kind,
        count: bundle.files.len() as u64,
        size: bundle.size,
        digest: bundle.digest.clone(),
        created_at: bundle.created_at,
    }
}

/// What a host has of a bundle. Of one that it has not heard of, nothing.
fn progress(
    id: HostId,
    name: String,
    content: &ContentProgress,
    bundle: &BundleRecord,
) -> BundleHost {
    let content = super::content::against(content, std::slice::from_ref(bundle));
    let known = content.bundles.into_iter().next();
    BundleHost {
        id,
        name,
        missing: content.missing,
        missing_bytes: content.missing_bytes,
        ready: known.as_ref().is_some_and(|known| known.ready),
        problem: known.and_then(|known| known.problem),
    }
}

/// A bundle in a line of a plan.
fn told(bundle: &BundleRecord) -> String {
    format!(
        "the bundle {} ({}, {}, {} bytes)",
        bundle.name,
        bundle.kind,
        counted(bundle.files.len(), "file"),
        bundle.size
    )
}

fn plan_of(removes: Vec<String>, changes: Vec<String>) -> Plan {
    let everywhere = |line| format!("{line}, on every host of the group");
    Plan {
        removes: removes.into_iter().map(everywhere).collect(),
        changes: changes.into_iter().map(everywhere).collect(),
        done: false,
    }
}

fn exists(known: &BundleRecord) -> ControlError {
    ControlError::Conflict {
        code: "bundle-exists",
        message: format!("there is {} with other content", told(known)),
        remedy: "choose another name, or replace it with: muster bundle put --replace".to_owned(),
    }
}

fn no_plugin(bundle: &BundleRecord) -> ControlError {
    ControlError::Conflict {
        code: "bundle-of-other-kind",
        message: format!("{} is no plugin", told(bundle)),
        remedy: "put the plugin's component with: muster bundle put --kind plugin".to_owned(),
    }
}

pub(super) async fn changed(
    tx: &Tx,
    actor: &Actor,
    before: Option<&BundleRecord>,
    after: Option<&BundleRecord>,
    verb: &'static str,
) -> Result<(), ControlError> {
    let Some(bundle) = after.or(before) else {
        return Ok(());
    };
    let change = Change {
        resource: "bundle",
        project: None,
        id: bundle.name.clone(),
        name: &bundle.name,
        verb,
        kind: match (before, after) {
            (None, _) => ChangeKind::Created,
            (_, None) => ChangeKind::Deleted,
            _ => ChangeKind::Updated,
        },
        before: before.map(view).as_ref().and_then(value),
        after: after.map(view).as_ref().and_then(value),
    };
    Ok(record(tx, actor, change).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, numbers: &[u8]) -> FileEntry {
        let block = |number: &u8| muster_api::blocks::Digest::from_bytes(&[*number; 32]);
        FileEntry {
            path: path.to_owned(),
            size: 7,
            blocks: numbers.iter().map(block).collect(),
        }
    }

    #[test]
    fn a_digest_is_of_paths_and_blocks() {
        let base = digest(&[file("a", &[1]), file("b", &[2])]);
        assert_eq!(base, digest(&[file("a", &[1]), file("b", &[2])]));
        for other in [
            vec![file("a", &[1])],
            vec![file("a", &[2]), file("b", &[1])],
            vec![file("a", &[1]), file("c", &[2])],
            vec![file("a", &[1, 2]), file("b", &[])],
            vec![file("a", &[]), file("b", &[1, 2])],
        ] {
            assert_ne!(base, digest(&other), "{other:?}");
        }
    }
}
