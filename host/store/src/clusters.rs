//! Clusters: which hosts of a group run apps together, and which share its state.

use muster_api::id::HostId;
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod cluster {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "clusters")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub control_plane: Json,
        #[sea_orm(column_type = "JsonBinary")]
        pub workers: Json,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use cluster::{ActiveModel, Column, Entity, Model};

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// Its name; unique.
    pub name: String,
    /// The hosts that share the group's state.
    pub control_plane: Vec<HostId>,
    /// The other hosts that run apps.
    pub workers: Vec<HostId>,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl TryFrom<Model> for ClusterRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            control_plane: from_json(row.control_plane, "clusters.control_plane")?,
            workers: from_json(row.workers, "clusters.workers")?,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// All clusters, by name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn cluster_all(&self) -> Result<Vec<ClusterRecord>, StoreError> {
        let rows = Entity::find()
            .order_by_asc(Column::Name)
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// A cluster.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn cluster_get(&self, name: &str) -> Result<Option<ClusterRecord>, StoreError> {
        let row = Entity::find_by_id(name).one(&self.db()).await?;
        row.map(TryInto::try_into).transpose()
    }
}

impl Tx {
    /// Keeps a cluster, in place of the one of that name.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn cluster_put(&self, cluster: &ClusterRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            name: Set(cluster.name.clone()),
            control_plane: Set(json(&cluster.control_plane)?),
            workers: Set(json(&cluster.workers)?),
            created_at: Set(millis(cluster.created_at)),
        };
        let known = OnConflict::column(Column::Name)
            .update_columns([Column::ControlPlane, Column::Workers])
            .to_owned();
        Entity::insert(row)
            .on_conflict(known)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a cluster. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn cluster_delete(&self, name: &str) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(name).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::id::HostId;
    use uuid::Uuid;

    use super::ClusterRecord;
    use crate::{now, testing::store};

    #[tokio::test]
    async fn a_cluster_is_what_was_put_last() {
        let (store, _dir) = store().await;
        let ids: Vec<_> = (0..3).map(|_| HostId(Uuid::now_v7())).collect();
        let cluster = ClusterRecord {
            name: "north".to_owned(),
            control_plane: ids[..1].to_vec(),
            workers: ids[1..].to_vec(),
            created_at: now(),
        };
        let grown = ClusterRecord {
            control_plane: ids.clone(),
            workers: Vec::new(),
            ..cluster.clone()
        };
        let kept = grown.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.cluster_put(&cluster).await?;
                    tx.cluster_put(&kept).await
                })
            })
            .await
            .unwrap();
        assert_eq!(store.cluster_get("north").await.unwrap().unwrap(), grown);
        assert_eq!(store.cluster_all().await.unwrap(), [grown]);
        let gone = store
            .write(|tx| Box::pin(async move { tx.cluster_delete("north").await }))
            .await
            .unwrap();
        assert!(gone);
        assert_eq!(store.cluster_get("north").await.unwrap(), None);
    }
}
