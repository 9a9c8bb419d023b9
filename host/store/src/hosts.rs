//! The hosts that follow this one.

use muster_api::{
    hosts::About,
    id::{HostId, LinkId},
};
use sea_orm::{IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod host {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hosts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub membership_id: Uuid,
        pub name: String,
        pub fingerprint: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub about: Json,
        pub linked_at: i64,
        pub last_seen_at: i64,
        pub certificate_not_after: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRecord {
    /// The host.
    pub id: HostId,
    /// Its membership.
    pub membership: LinkId,
    /// Its name.
    pub name: String,
    /// The hash of its public key.
    pub fingerprint: String,
    /// What it says of itself.
    pub about: About,
    /// When it was let in.
    pub linked_at: OffsetDateTime,
    /// When something was heard of it last, to the minute.
    pub last_seen_at: OffsetDateTime,
    /// When its newest certificate ends.
    pub certificate_not_after: OffsetDateTime,
}

impl TryFrom<host::Model> for HostRecord {
    type Error = StoreError;

    fn try_from(row: host::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: HostId(row.id),
            membership: LinkId(row.membership_id),
            name: row.name,
            fingerprint: row.fingerprint,
            about: from_json(row.about, "hosts.about")?,
            linked_at: time(row.linked_at)?,
            last_seen_at: time(row.last_seen_at)?,
            certificate_not_after: time(row.certificate_not_after)?,
        })
    }
}

impl Reader {
    /// One follower.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn host_get(&self, id: HostId) -> Result<Option<HostRecord>, StoreError> {
        let row = host::Entity::find_by_id(id.0).one(&self.db()).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// All followers, by name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn host_all(&self) -> Result<Vec<HostRecord>, StoreError> {
        let rows = host::Entity::find()
            .order_by_asc(host::Column::Name)
            .order_by_asc(host::Column::Id)
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// Keeps a follower, in place of what was known of it.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn host_put(&self, record: &HostRecord) -> Result<(), StoreError> {
        let row = host::Model {
            id: record.id.0,
            membership_id: record.membership.0,
            name: record.name.clone(),
            fingerprint: record.fingerprint.clone(),
            about: json(&record.about)?,
            linked_at: millis(record.linked_at),
            last_seen_at: millis(record.last_seen_at),
            certificate_not_after: millis(record.certificate_not_after),
        };
        host::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(host::Column::Id)
                    .update_columns([
                        host::Column::MembershipId,
                        host::Column::Name,
                        host::Column::Fingerprint,
                        host::Column::About,
                        host::Column::LinkedAt,
                        host::Column::LastSeenAt,
                        host::Column::CertificateNotAfter,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a follower. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn host_delete(&self, id: HostId) -> Result<bool, StoreError> {
        let done = host::Entity::delete_by_id(id.0).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::{
        hosts::{About, Capacity, HostMode},
        id::{HostId, LinkId},
    };
    use serde_json::json;
    use uuid::Uuid;

    use super::HostRecord;
    use crate::{MembershipRecord, now, testing::store};

    #[tokio::test]
    async fn a_host_and_its_membership_are_what_was_put_last() {
        let (store, _dir) = store().await;
        let (id, link) = (HostId(Uuid::now_v7()), LinkId(Uuid::now_v7()));
        let at = crate::columns::time(crate::columns::millis(now())).unwrap();
        let host = HostRecord {
            id,
            membership: link,
            name: "north".to_owned(),
            fingerprint: "00".to_owned(),
            about: About {
                version: "0.1.0".to_owned(),
                mode: HostMode::Agent,
                os: "debian 12".to_owned(),
                addresses: vec!["192.0.2.1:7444".to_owned()],
                apps: Vec::new(),
                generation: 1,
                roles: vec!["dea".to_owned()],
                capacity: Capacity::default(),
                zone: None,
                labels: Default::default(),
                workloads: 0,
                content: Default::default(),
                settings: None,
                clock_offset_ms: 0,
            },
            linked_at: at,
            last_seen_at: at,
            certificate_not_after: at,
        };
        let membership = MembershipRecord {
            id: link,
            secret_hash: "ff".to_owned(),
            state: json!({ "state": "offered" }),
            host: None,
            roles: vec![],
            created_by: "admin".to_owned(),
            created_at: at,
        };
        let (kept, token) = (host.clone(), membership.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.membership_put(&token).await?;
                    let used = MembershipRecord {
                        state: json!({ "state": "joined" }),
                        host: Some(kept.id),
                        ..token
                    };
                    tx.membership_put(&used).await?;
                    tx.host_put(&kept).await?;
                    let moved = HostRecord {
                        name: "south".to_owned(),
                        ..kept
                    };
                    tx.host_put(&moved).await
                })
            })
            .await
            .unwrap();
        let found = store.membership_get(link).await.unwrap().unwrap();
        assert_eq!(
            (found.host, &found.state["state"]),
            (Some(id), &json!("joined"))
        );
        assert_eq!(store.membership_all().await.unwrap(), [found]);
        let found = store.host_all().await.unwrap();
        assert_eq!(found[0].name, "south");
        assert_eq!(found[0].about, host.about);
        let gone = store
            .write(move |tx| {
                Box::pin(async move {
                    tx.membership_delete(link).await?;
                    tx.host_delete(id).await
                })
            })
            .await
            .unwrap();
        assert!(gone);
        assert_eq!(store.host_get(id).await.unwrap(), None);
        assert_eq!(store.membership_get(link).await.unwrap(), None);
    }
}
