//! Authenticator apps: of each user at most one.

use muster_api::id::UserId;
use sea_orm::{
    ActiveValue::Set, Condition, IntoActiveModel, entity::prelude::*, sea_query::OnConflict,
};
use time::OffsetDateTime;

use crate::{
    columns::{millis, signed, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "totp")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        pub secret: String,
        pub created_at: i64,
        pub confirmed_at: Option<i64>,
        pub last_step: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{ActiveModel, Column, Entity, Model};

/// A user's authenticator app.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpRecord {
    /// Whose it is.
    pub user: UserId,
    /// What both sides know, in base32, sealed.
    pub secret: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When a first code came from the app; it does not count before.
    pub confirmed_at: Option<OffsetDateTime>,
    /// The step of the last code that was accepted.
    pub last_step: Option<u64>,
}

impl std::fmt::Debug for TotpRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpRecord")
            .field("user", &self.user)
            .field("confirmed_at", &self.confirmed_at)
            .field("last_step", &self.last_step)
            .finish_non_exhaustive()
    }
}

impl TryFrom<Model> for TotpRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let last_step = row.last_step;
        Ok(Self {
            user: UserId(row.user_id),
            secret: row.secret,
            created_at: time(row.created_at)?,
            confirmed_at: row.confirmed_at.map(time).transpose()?,
            last_step: last_step
                .map(|step| unsigned(step, "totp.last_step"))
                .transpose()?,
        })
    }
}

impl Reader {
    /// A user's authenticator app, confirmed or not.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn totp_get(&self, user: UserId) -> Result<Option<TotpRecord>, StoreError> {
        let row = Entity::find_by_id(user.0).one(&self.db()).await?;
        row.map(TotpRecord::try_from).transpose()
    }

    /// The authenticator apps of all users, confirmed or not.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn totp_all(&self) -> Result<Vec<TotpRecord>, StoreError> {
        let rows = Entity::find().all(&self.db()).await?;
        rows.into_iter().map(TotpRecord::try_from).collect()
    }
}

impl Tx {
    /// Keeps a user's authenticator app, in place of what was there.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn totp_put(&self, totp: &TotpRecord) -> Result<(), StoreError> {
        let row = Model {
            user_id: totp.user.0,
            secret: totp.secret.clone(),
            created_at: millis(totp.created_at),
            confirmed_at: totp.confirmed_at.map(millis),
            last_step: totp.last_step.map(signed).transpose()?,
        };
        Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(Column::UserId)
                    .update_columns([
                        Column::Secret,
                        Column::CreatedAt,
                        Column::ConfirmedAt,
                        Column::LastStep,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Uses up the code of a step, which confirms the app if nothing has
    /// before. False if that step or a later one was used already.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn totp_use(
        &self,
        user: UserId,
        step: u64,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let step = signed(step)?;
        let unused = Condition::any()
            .add(Column::LastStep.is_null())
            .add(Column::LastStep.lt(step));
        let done = Entity::update_many()
            .set(ActiveModel {
                last_step: Set(Some(step)),
                ..Default::default()
            })
            .filter(Column::UserId.eq(user.0))
            .filter(unused)
            .exec(&self.db())
            .await?;
        if done.rows_affected == 0 {
            return Ok(false);
        }
        Entity::update_many()
            .set(ActiveModel {
                confirmed_at: Set(Some(millis(now))),
                ..Default::default()
            })
            .filter(Column::UserId.eq(user.0))
            .filter(Column::ConfirmedAt.is_null())
            .exec(&self.db())
            .await?;
        Ok(true)
    }

    /// Takes a user's authenticator app away. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn totp_delete(&self, user: UserId) -> Result<bool, StoreError> {
        let done = Entity::delete_by_id(user.0).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }
}
