//! Certificates by which load balancers end TLS.

use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    columns::{millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod certificate {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "certificates")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub chain: String,
        pub key: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use certificate::{ActiveModel, Column, Entity, Model};

/// A certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateRecord {
    /// What it is called; unique.
    pub name: String,
    /// It and those that vouch for it, the own one first, as PEM.
    pub chain: String,
    /// Its private key, as PEM, sealed.
    pub key: String,
    /// When it was put.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl TryFrom<Model> for CertificateRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            chain: row.chain,
            key: row.key,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// All certificates, by name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn certificate_all(&self) -> Result<Vec<CertificateRecord>, StoreError> {
        let rows = Entity::find()
            .order_by_asc(Column::Name)
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// A certificate.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn certificate_get(
        &self,
        name: &str,
    ) -> Result<Option<CertificateRecord>, StoreError> {
        let row = Entity::find_by_id(name).one(&self.db()).await?;
        row.map(TryInto::try_into).transpose()
    }
}

impl Tx {
    /// Keeps a certificate, in place of the one of that name.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn certificate_put(&self, certificate: &CertificateRecord) -> Result<(), StoreError> {
        let row = ActiveModel {
            name: Set(certificate.name.clone()),
            chain: Set(certificate.chain.clone()),
            key: Set(certificate.key.clone()),
            created_at: Set(millis(certificate.created_at)),
        };
        let known = OnConflict::column(Column::Name)
            .update_columns([Column::Chain, Column::Key, Column::CreatedAt])
            .to_owned();
        Entity::insert(row)
            .on_conflict(known)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a certificate. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn certificate_delete(&self, name: &str) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(name).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::CertificateRecord;
    use crate::{now, testing::store};

    #[tokio::test]
    async fn a_certificate_is_what_was_put_last() {
        let (store, _dir) = store().await;
        let first = CertificateRecord {
            name: "shop".to_owned(),
            chain: "old".to_owned(),
            key: "sealed".to_owned(),
            created_at: now(),
        };
        let second = CertificateRecord {
            chain: "new".to_owned(),
            ..first.clone()
        };
        for certificate in [first, second.clone()] {
            store
                .write(|tx| Box::pin(async move { tx.certificate_put(&certificate).await }))
                .await
                .unwrap();
        }
        let all = store.certificate_all().await.unwrap();
        assert_eq!(all, std::slice::from_ref(&second));
        assert_eq!(store.certificate_get("shop").await.unwrap(), Some(second));
        for was_there in [true, false] {
            let gone =
                store.write(|tx| Box::pin(async move { tx.certificate_delete("shop").await }));
            assert_eq!(gone.await.unwrap(), was_there);
        }
        assert_eq!(store.certificate_get("shop").await.unwrap(), None);
    }
}
