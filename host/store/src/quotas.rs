//! Quotas, and what is reserved of them by jobs under way. What is used is
//! counted from what there is, and kept nowhere.

use muster_api::{
    id::{JobId, ProjectId, QuotaId, UserId},
    quotas::Resource,
};
use sea_orm::{IntoActiveModel, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use time::OffsetDateTime;

use crate::{
    columns::{from_word, millis, signed, time, unsigned, word},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod quota {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "quotas")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub project_id: Option<Uuid>,
        pub user_id: Option<Uuid>,
        pub resource: String,
        pub amount: i64,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod reservation {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "quota_reservations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub project_id: Uuid,
        pub user_id: Option<Uuid>,
        pub job_id: Uuid,
        pub resource: String,
        pub amount: i64,
        pub created_at: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// How much of something may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRecord {
    /// Names it for life.
    pub id: QuotaId,
    /// The project; each of them, if none in particular.
    pub project: Option<ProjectId>,
    /// For what this user made alone.
    pub user: Option<UserId>,
    /// Of what.
    pub resource: Resource,
    /// How much.
    pub limit: u64,
    /// When it was last set.
    pub updated_at: OffsetDateTime,
}

impl TryFrom<quota::Model> for QuotaRecord {
    type Error = StoreError;

    fn try_from(row: quota::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: QuotaId(row.id),
            project: row.project_id.map(ProjectId),
            user: row.user_id.map(UserId),
            resource: from_word(row.resource, "quotas.resource")?,
            limit: unsigned(row.amount, "quotas.amount")?,
            updated_at: time(row.updated_at)?,
        })
    }
}

/// What a job will use once it is through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationRecord {
    /// Names it for life.
    pub id: Uuid,
    /// Where.
    pub project: ProjectId,
    /// Whose the app is that it is for.
    pub user: Option<UserId>,
    /// The job.
    pub job: JobId,
    /// Of what.
    pub resource: Resource,
    /// How much.
    pub amount: u64,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Until when it counts.
    pub expires_at: OffsetDateTime,
}

impl TryFrom<reservation::Model> for ReservationRecord {
    type Error = StoreError;

    fn try_from(row: reservation::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            project: ProjectId(row.project_id),
            user: row.user_id.map(UserId),
            job: JobId(row.job_id),
            resource: from_word(row.resource, "quota_reservations.resource")?,
            amount: unsigned(row.amount, "quota_reservations.amount")?,
            created_at: time(row.created_at)?,
            expires_at: time(row.expires_at)?,
        })
    }
}

impl Reader {
    /// All quotas, oldest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn quota_list(&self) -> Result<Vec<QuotaRecord>, StoreError> {
        let rows = quota::Entity::find()
            .order_by_asc(quota::Column::Id)
            .all(&self.db())
            .await?;
        rows.into_iter().map(QuotaRecord::try_from).collect()
    }

    /// A quota.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn quota_get(&self, id: QuotaId) -> Result<Option<QuotaRecord>, StoreError> {
        let row = quota::Entity::find_by_id(id.0).one(&self.db()).await?;
        row.map(QuotaRecord::try_from).transpose()
    }

    /// What is reserved in a project at `now`.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn reservation_list(
        &self,
        project: ProjectId,
        now: OffsetDateTime,
    ) -> Result<Vec<ReservationRecord>, StoreError> {
        let rows = reservation::Entity::find()
            .filter(reservation::Column::ProjectId.eq(project.0))
            .filter(reservation::Column::ExpiresAt.gt(millis(now)))
            .all(&self.db())
            .await?;
        rows.into_iter().map(ReservationRecord::try_from).collect()
    }
}

impl Tx {
    /// Keeps a quota, in place of one of that id.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if project or user does not exist.
    pub async fn quota_put(&self, quota: &QuotaRecord) -> Result<(), StoreError> {
        let row = quota::Model {
            id: quota.id.0,
            project_id: quota.project.map(|project| project.0),
            user_id: quota.user.map(|user| user.0),
            resource: word(quota.resource)?,
            amount: signed(quota.limit)?,
            updated_at: millis(quota.updated_at),
        };
        quota::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(quota::Column::Id)
                    .update_columns([quota::Column::Amount, quota::Column::UpdatedAt])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Takes a quota away. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn quota_delete(&self, id: QuotaId) -> Result<bool, StoreError> {
        let done = quota::Entity::delete_by_id(id.0).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }

    /// Reserves.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such project.
    pub async fn reservation_insert(&self, reserved: &ReservationRecord) -> Result<(), StoreError> {
        let row = reservation::Model {
            id: reserved.id,
            project_id: reserved.project.0,
            user_id: reserved.user.map(|user| user.0),
            job_id: reserved.job.0,
            resource: word(reserved.resource)?,
            amount: signed(reserved.amount)?,
            created_at: millis(reserved.created_at),
            expires_at: millis(reserved.expires_at),
        };
        reservation::Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Lets go of what a job has reserved: it is used from now on, or will not
    /// be.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn reservation_end(&self, job: JobId) -> Result<u64, StoreError> {
        let done = reservation::Entity::delete_many()
            .filter(reservation::Column::JobId.eq(job.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Puts what a job has reserved into another project.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn reservation_move(&self, job: JobId, to: ProjectId) -> Result<u64, StoreError> {
        let done = reservation::Entity::update_many()
            .col_expr(reservation::Column::ProjectId, Expr::value(to.0))
            .filter(reservation::Column::JobId.eq(job.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Forgets what was reserved by whoever never came back.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn reservation_expired_delete(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = reservation::Entity::delete_many()
            .filter(reservation::Column::ExpiresAt.lte(millis(now)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::{
        id::{JobId, ProjectId, QuotaId},
        quotas::Resource,
    };
    use time::Duration;
    use uuid::Uuid;

    use super::{QuotaRecord, ReservationRecord};
    use crate::{
        ProjectRecord, now,
        testing::{store, user},
    };

    #[tokio::test]
    async fn reservations_count_until_they_end_or_expire() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let project = ProjectRecord::personal(ada.id, "ada");
        let (id, at) = (ProjectId(ada.id.0), now());
        let quota = QuotaRecord {
            id: QuotaId(Uuid::now_v7()),
            project: Some(id),
            user: None,
            resource: Resource::Apps,
            limit: 3,
            updated_at: at,
        };
        let reserved = ReservationRecord {
            id: Uuid::now_v7(),
            project: id,
            user: Some(ada.id),
            job: JobId(Uuid::now_v7()),
            resource: Resource::Memory,
            amount: 64 << 20,
            created_at: at,
            expires_at: at + Duration::HOUR,
        };
        let late = ReservationRecord {
            id: Uuid::now_v7(),
            job: JobId(Uuid::now_v7()),
            expires_at: at,
            ..reserved.clone()
        };
        let (kept, added) = (quota.clone(), reserved.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.project_insert(&project).await?;
                    tx.quota_put(&kept).await?;
                    tx.quota_put(&QuotaRecord { limit: 5, ..kept }).await?;
                    tx.reservation_insert(&added).await?;
                    tx.reservation_insert(&late).await
                })
            })
            .await
            .unwrap();
        assert_eq!(
            store.quota_list().await.unwrap(),
            [QuotaRecord { limit: 5, ..quota }]
        );
        assert_eq!(
            store.reservation_list(id, at).await.unwrap(),
            std::slice::from_ref(&reserved)
        );
        let ended = store
            .write(move |tx| {
                Box::pin(async move {
                    let expired = tx.reservation_expired_delete(at).await?;
                    let ended = tx.reservation_end(reserved.job).await?;
                    tx.project_delete(id).await?;
                    Ok((expired, ended))
                })
            })
            .await
            .unwrap();
        assert_eq!(ended, (1, 1));
        assert_eq!(store.quota_list().await.unwrap(), []);
    }
}
