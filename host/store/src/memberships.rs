//! Memberships of hosts, each of which begins as a link token. What a state
//! means is the business of whoever steps it; here it is kept.

use muster_api::id::{HostId, LinkId};
use sea_orm::{IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod membership {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "memberships")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub secret_hash: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub state: Json,
        pub host_id: Option<Uuid>,
        #[sea_orm(column_type = "JsonBinary")]
        pub roles: Json,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A membership.
#[derive(Debug, Clone, PartialEq)]
pub struct MembershipRecord {
    /// Its link token's id.
    pub id: LinkId,
    /// The hash of the token's secret, as text.
    pub secret_hash: String,
    /// The state as the leader's state machine writes it.
    pub state: Value,
    /// The host that used the token.
    pub host: Option<HostId>,
    /// The roles that the host should get.
    pub roles: Vec<String>,
    /// Who made the token.
    pub created_by: String,
    /// When.
    pub created_at: OffsetDateTime,
}

impl TryFrom<membership::Model> for MembershipRecord {
    type Error = StoreError;

    fn try_from(row: membership::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: LinkId(row.id),
            secret_hash: row.secret_hash,
            state: row.state,
            host: row.host_id.map(HostId),
            roles: from_json(row.roles, "memberships.roles")?,
            created_by: row.created_by,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// One membership.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn membership_get(&self, id: LinkId) -> Result<Option<MembershipRecord>, StoreError> {
        let row = membership::Entity::find_by_id(id.0).one(&self.db()).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// All memberships, oldest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn membership_all(&self) -> Result<Vec<MembershipRecord>, StoreError> {
        let rows = membership::Entity::find()
            .order_by_asc(membership::Column::Id)
            .all(&self.db())
            .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

impl Tx {
    /// Keeps a membership, in place of what was known of it.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn membership_put(&self, record: &MembershipRecord) -> Result<(), StoreError> {
        let row = membership::Model {
            id: record.id.0,
            secret_hash: record.secret_hash.clone(),
            state: record.state.clone(),
            host_id: record.host.map(|host| host.0),
            roles: json(&record.roles)?,
            created_by: record.created_by.clone(),
            created_at: millis(record.created_at),
        };
        membership::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(membership::Column::Id)
                    .update_columns([membership::Column::State, membership::Column::HostId])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Forgets a membership.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn membership_delete(&self, id: LinkId) -> Result<(), StoreError> {
        membership::Entity::delete_by_id(id.0)
            .exec(&self.db())
            .await?;
        Ok(())
    }
}
