//! Which blocks are still needed.

use std::collections::HashSet;

use muster_api::blocks::{Digest, FileEntry};
use sea_orm::{QuerySelect, entity::prelude::*};

use crate::{
    bundles::bundle, columns::from_json, droplets::droplet, error::StoreError, packages::package,
    reader::Reader, roles::role, store::Store,
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
}

async fn live_blocks(reader: &Reader) -> Result<HashSet<Digest>, StoreError> {
    let mut live = HashSet::new();
    let mut add = |file: FileEntry| live.extend(file.blocks);
    let packages = package::Entity::find()
        .select_only()
        .column(package::Column::Files);
    for files in packages.into_tuple::<Json>().all(&reader.db()).await? {
        from_json::<Vec<FileEntry>>(files, "packages.files")?
            .into_iter()
            .for_each(&mut add);
    }
    let droplets = droplet::Entity::find()
        .select_only()
        .column(droplet::Column::Component)
        .column(droplet::Column::Files);
    for (component, files) in droplets
        .into_tuple::<(Json, Json)>()
        .all(&reader.db())
        .await?
    {
        add(from_json(component, "droplets.component")?);
        from_json::<Vec<FileEntry>>(files, "droplets.files")?
            .into_iter()
            .for_each(&mut add);
    }
    let roles = role::Entity::find()
        .select_only()
        .column(role::Column::Component);
    for component in roles
        .into_tuple::<Option<Json>>()
        .all(&reader.db())
        .await?
        .into_iter()
        .flatten()
    {
        add(from_json(component, "roles.component")?);
    }
    let bundles = bundle::Entity::find()
        .select_only()
        .column(bundle::Column::Files);
    for files in bundles.into_tuple::<Json>().all(&reader.db()).await? {
        from_json::<Vec<FileEntry>>(files, "bundles.files")?
            .into_iter()
            .for_each(&mut add);
    }
    Ok(live)
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
    }
}
