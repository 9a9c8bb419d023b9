//! Terms of use: their versions, which never change, and who accepted which.

use muster_api::{id::UserId, page::Page};
use sea_orm::{
    Condition, IntoActiveModel, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use time::OffsetDateTime;

use crate::{
    columns::{millis, signed, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod term {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "terms")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        pub media_type: String,
        pub text: String,
        pub added_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod acceptance {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "term_acceptances")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        pub user_name: String,
        pub origin: Option<String>,
        pub accepted_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A version of the terms of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermRecord {
    /// Its number, growing from 1.
    pub version: u64,
    /// What the text is: `text/markdown`, `text/plain`, `text/html`.
    pub media_type: String,
    /// The text as it was given.
    pub text: String,
    /// Who added it.
    pub added_by: String,
    /// When.
    pub created_at: OffsetDateTime,
}

impl TryFrom<term::Model> for TermRecord {
    type Error = StoreError;

    fn try_from(row: term::Model) -> Result<Self, StoreError> {
        Ok(Self {
            version: unsigned(row.version, "terms.version")?,
            media_type: row.media_type,
            text: row.text,
            added_by: row.added_by,
            created_at: time(row.created_at)?,
        })
    }
}

/// Somebody's acceptance of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceRecord {
    /// Which version.
    pub version: u64,
    /// Who.
    pub user: UserId,
    /// What they were called then.
    pub user_name: String,
    /// From which address.
    pub origin: Option<String>,
    /// When.
    pub accepted_at: OffsetDateTime,
}

impl TryFrom<acceptance::Model> for AcceptanceRecord {
    type Error = StoreError;

    fn try_from(row: acceptance::Model) -> Result<Self, StoreError> {
        Ok(Self {
            version: unsigned(row.version, "term_acceptances.version")?,
            user: UserId(row.user_id),
            user_name: row.user_name,
            origin: row.origin,
            accepted_at: time(row.accepted_at)?,
        })
    }
}

impl Reader {
    /// The number of the newest version, if there is any.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn term_newest(&self) -> Result<Option<u64>, StoreError> {
        let newest = term::Entity::find()
            .select_only()
            .column(term::Column::Version)
            .order_by_desc(term::Column::Version)
            .into_tuple::<i64>()
            .one(&self.db())
            .await?;
        newest
            .map(|version| unsigned(version, "terms.version"))
            .transpose()
    }

    /// A version of the terms.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn term_get(&self, version: u64) -> Result<Option<TermRecord>, StoreError> {
        let row = term::Entity::find_by_id(signed(version)?)
            .one(&self.db())
            .await?;
        row.map(TermRecord::try_from).transpose()
    }

    /// At most `limit` versions, newest first, from the one before `cursor` on.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn term_list(
        &self,
        cursor: Option<u64>,
        limit: u32,
    ) -> Result<Page<TermRecord>, StoreError> {
        let mut question = term::Entity::find()
            .order_by_desc(term::Column::Version)
            .limit(u64::from(limit) + 1);
        if let Some(version) = cursor {
            question = question.filter(term::Column::Version.lt(signed(version)?));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |term: &TermRecord| term.version.to_string())
    }

    /// Whether a user accepted a version.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn term_is_accepted(&self, user: UserId, version: u64) -> Result<bool, StoreError> {
        let row = acceptance::Entity::find_by_id((signed(version)?, user.0))
            .one(&self.db())
            .await?;
        Ok(row.is_some())
    }

    /// At most `limit` acceptances by version and user, from the one after
    /// `cursor` on; only those of one version if told.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn acceptance_list(
        &self,
        version: Option<u64>,
        cursor: Option<(u64, UserId)>,
        limit: u32,
    ) -> Result<Page<AcceptanceRecord>, StoreError> {
        use acceptance::Column;
        let mut question = acceptance::Entity::find()
            .order_by_asc(Column::Version)
            .order_by_asc(Column::UserId)
            .limit(u64::from(limit) + 1);
        if let Some(version) = version {
            question = question.filter(Column::Version.eq(signed(version)?));
        }
        if let Some((version, user)) = cursor {
            let version = signed(version)?;
            let same = Condition::all()
                .add(Column::Version.eq(version))
                .add(Column::UserId.gt(user.0));
            let after = Condition::any().add(Column::Version.gt(version)).add(same);
            question = question.filter(after);
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |accepted: &AcceptanceRecord| {
            format!("{}.{}", accepted.version, accepted.user)
        })
    }
}

impl Tx {
    /// Adds a version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if there is one of that number.
    pub async fn term_insert(&self, term: &TermRecord) -> Result<(), StoreError> {
        let row = term::Model {
            version: signed(term.version)?,
            media_type: term.media_type.clone(),
            text: term.text.clone(),
            added_by: term.added_by.clone(),
            created_at: millis(term.created_at),
        };
        let inserted = term::Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || format!("version {} of the terms", term.version))
        })?;
        Ok(())
    }

    /// Notes an acceptance. The first one of a user and version counts.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn acceptance_insert(&self, accepted: &AcceptanceRecord) -> Result<(), StoreError> {
        use acceptance::Column;
        if self
            .term_is_accepted(accepted.user, accepted.version)
            .await?
        {
            return Ok(());
        }
        let row = acceptance::Model {
            version: signed(accepted.version)?,
            user_id: accepted.user.0,
            user_name: accepted.user_name.clone(),
            origin: accepted.origin.clone(),
            accepted_at: millis(accepted.accepted_at),
        };
        acceptance::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::columns([Column::Version, Column::UserId])
                    .update_column(Column::Version)
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{AcceptanceRecord, TermRecord};
    use crate::{
        StoreError, now,
        testing::{store, user},
    };

    fn term(version: u64) -> TermRecord {
        TermRecord {
            version,
            media_type: "text/plain".to_owned(),
            text: format!("Be kind, {version}."),
            added_by: "ada".to_owned(),
            created_at: now(),
        }
    }

    #[tokio::test]
    async fn versions_stay_and_acceptances_are_kept_once() {
        let (store, _dir) = store().await;
        assert_eq!(store.term_newest().await.unwrap(), None);
        let ada = user("ada");
        let accepted = AcceptanceRecord {
            version: 1,
            user: ada.id,
            user_name: "ada".to_owned(),
            origin: Some("127.0.0.1".to_owned()),
            accepted_at: now(),
        };
        let (id, first) = (ada.id, accepted.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.term_insert(&term(1)).await?;
                    tx.term_insert(&term(2)).await?;
                    tx.acceptance_insert(&first).await?;
                    let again = AcceptanceRecord {
                        accepted_at: first.accepted_at + time::Duration::DAY,
                        ..first
                    };
                    tx.acceptance_insert(&again).await
                })
            })
            .await
            .unwrap();
        assert_eq!(store.term_newest().await.unwrap(), Some(2));
        assert!(store.term_is_accepted(id, 1).await.unwrap());
        assert!(!store.term_is_accepted(id, 2).await.unwrap());
        let listed = store.acceptance_list(None, None, 9).await.unwrap();
        assert_eq!(listed.items, [accepted]);
        let after = store.acceptance_list(None, Some((1, id)), 9).await.unwrap();
        assert!(after.items.is_empty());
        let page = store.term_list(None, 1).await.unwrap();
        assert_eq!(
            (page.items[0].version, page.next.as_deref()),
            (2, Some("2"))
        );
        let again = store
            .write(|tx| Box::pin(async move { tx.term_insert(&term(2)).await }))
            .await;
        assert!(
            matches!(again, Err(StoreError::Conflict { .. })),
            "{again:?}"
        );
    }
}
