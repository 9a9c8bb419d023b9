//! Settings of the host: single values by key, such as its id and its keys.

use sea_orm::{entity::prelude::*, sea_query::OnConflict};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    columns::{from_json, json},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod setting {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "settings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub value: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Reader {
    /// The value kept under `key`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not a `T`.
    pub async fn setting_get<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<T>, StoreError> {
        let row = setting::Entity::find_by_id(key).one(&self.db()).await?;
        row.map(|row| from_json(row.value, key)).transpose()
    }
}

impl Tx {
    /// Keeps `value` under `key`, in place of what was there.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn setting_put<T: Serialize + Sync + ?Sized>(
        &self,
        key: &str,
        value: &T,
    ) -> Result<(), StoreError> {
        let row = setting::Model {
            key: key.to_owned(),
            value: json(value)?,
        };
        setting::Entity::insert(setting::ActiveModel::from(row))
            .on_conflict(
                OnConflict::column(setting::Column::Key)
                    .update_column(setting::Column::Value)
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets what was kept under `key`.
    ///
    /// # Errors
    /// If it could not be written.
    pub(crate) async fn setting_delete(&self, key: &str) -> Result<(), StoreError> {
        setting::Entity::delete_by_id(key).exec(&self.db()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{StoreError, testing::store};

    #[tokio::test]
    async fn a_setting_is_what_was_put_last() {
        let (store, _dir) = store().await;
        assert_eq!(
            store.setting_get::<String>("host.name").await.unwrap(),
            None
        );
        for name in ["left", "right"] {
            store
                .write(move |tx| Box::pin(async move { tx.setting_put("host.name", name).await }))
                .await
                .unwrap();
        }
        assert_eq!(
            store
                .setting_get::<String>("host.name")
                .await
                .unwrap()
                .as_deref(),
            Some("right")
        );
        let odd = store.setting_get::<u32>("host.name").await.unwrap_err();
        assert!(
            matches!(odd, StoreError::Damaged(ref reason) if reason.contains("host.name")),
            "{odd}"
        );
    }
}
