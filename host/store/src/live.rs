//! Which blocks are still needed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use muster_api::blocks::{Digest, FileEntry};
use sea_orm::{QuerySelect, entity::prelude::*};

use crate::{
    apps::app, bundles::bundle, columns::from_json, droplets::droplet, error::StoreError,
    packages::package, reader::Reader, roles::role, store::Store,
};

impl Store {
    /// The blocks that packages, droplets, plugins and bundles consist of, as of
    /// one moment. Every other block is garbage, unless it was uploaded just now for
    /// something that is yet to come.
    ///
    /// # Errors
    /// If the database could not be read. Nothing must be collected then.
    pub async fn live_blocks(&self) -> Result<HashSet<Digest>, StoreError> {
        self.read(|db| Box::pin(live_blocks(db))).await
    }

    /// The same blocks, each with what needs it, in words for people.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn block_uses(&self) -> Result<BTreeMap<Digest, BTreeSet<String>>, StoreError> {
        let mut uses = BTreeMap::<_, BTreeSet<_>>::new();
        for (file, by) in self.read(|db| Box::pin(files(db))).await? {
            for block in file.blocks {
                uses.entry(block).or_default().insert(by.clone());
            }
        }
        Ok(uses)
    }
}

pub(crate) async fn live_blocks(reader: &Reader) -> Result<HashSet<Digest>, StoreError> {
    let all = files(reader).await?;
    Ok(all.into_iter().flat_map(|(file, _)| file.blocks).collect())
}

/// Every file that is kept, with what it is of.
async fn files(reader: &Reader) -> Result<Vec<(FileEntry, String)>, StoreError> {
    let mut all = Vec::new();
    let packages = package::Entity::find()
        .select_only()
        .column(package::Column::Id)
        .column(package::Column::Files);
    for (id, files) in packages
        .into_tuple::<(Uuid, Json)>()
        .all(&reader.db())
        .await?
    {
        let of = format!("the package {id}");
        let files = from_json::<Vec<FileEntry>>(files, "packages.files")?;
        all.extend(files.into_iter().map(|file| (file, of.clone())));
    }
    let apps = app::Entity::find()
        .select_only()
        .column(app::Column::Id)
        .column(app::Column::Name);
    let apps = apps
        .into_tuple::<(Uuid, String)>()
        .all(&reader.db())
        .await?;
    let apps: HashMap<_, _> = apps.into_iter().collect();
    for droplet in droplet::Entity::find().all(&reader.db()).await? {
        let app = apps
            .get(&droplet.app_id)
            .map_or("that is gone", String::as_str);
        let of = format!("the droplet {} of the app {app}", droplet.id);
        let mut files = from_json::<Vec<FileEntry>>(droplet.files, "droplets.files")?;
        files.push(from_json(droplet.component, "droplets.component")?);
        all.extend(files.into_iter().map(|file| (file, of.clone())));
    }
    for role in role::Entity::find().all(&reader.db()).await? {
        if let Some(component) = role.component {
            let of = format!("the plugin of the role {}", role.name);
            all.push((from_json(component, "roles.component")?, of));
        }
    }
    for bundle in bundle::Entity::find().all(&reader.db()).await? {
        let of = format!("the bundle {}", bundle.name);
        let files = from_json::<Vec<FileEntry>>(bundle.files, "bundles.files")?;
        all.extend(files.into_iter().map(|file| (file, of.clone())));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::{
        RoleRecord, now,
        testing::{app, digest, droplet, file, package, store},
    };

    #[tokio::test]
    async fn blocks_live_in_packages_droplets_and_plugins() {
        let (store, _dir) = store().await;
        let (shop, bits) = (app("shop"), package("bits"));
        let mut made = droplet(&shop, &bits);
        made.component = file("app.wasm", "component");
        made.files = vec![file("index.html", "index"), file("style.css", "bits")];
        let role = |name: &str, component| RoleRecord {
            name: name.to_owned(),
            enabled: true,
            component,
            manifest: None,
            installed_at: now(),
        };
        let (router, dea) = (
            role("router", Some(file("router.wasm", "router"))),
            role("dea", None),
        );
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.app_insert(&shop).await?;
                    tx.package_insert(&bits).await?;
                    tx.droplet_insert(&made).await?;
                    tx.role_put(&router).await?;
                    tx.role_put(&dea).await
                })
            })
            .await
            .unwrap();
        let expected: HashSet<_> = ["bits", "component", "index", "router"].map(digest).into();
        assert_eq!(store.live_blocks().await.unwrap(), expected);
        let uses = store.block_uses().await.unwrap();
        assert_eq!(uses.keys().cloned().collect::<HashSet<_>>(), expected);
        let by = uses[&digest("index")].first().unwrap();
        assert!(by.ends_with("of the app shop"), "{by}");
        assert_eq!(uses[&digest("bits")].len(), 2, "{uses:?}");
    }
}
