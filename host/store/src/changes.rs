//! The change log: what changed, in the order in which it did. Agents follow it
//! by revision, and take the whole state when it no longer reaches back far
//! enough.

use muster_api::id::ProjectId;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{from_word, millis, now, signed, time, unsigned, word},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod change {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "changes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub revision: i64,
        pub resource: String,
        pub resource_id: String,
        pub kind: String,
        pub at: i64,
        pub project_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use change::{ActiveModel, Column, Entity, Model};

/// What happened to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It is different.
    Updated,
    /// It is gone.
    Deleted,
}

/// One entry of the change log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRecord {
    /// Its place in the log, growing.
    pub revision: u64,
    /// What kind of thing changed, such as `app`.
    pub resource: String,
    /// Which one.
    pub resource_id: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// When.
    pub at: OffsetDateTime,
    /// The project that it belonged to then, if it belonged to one.
    pub project: Option<ProjectId>,
}

impl TryFrom<Model> for ChangeRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            revision: unsigned(row.revision, "changes.revision")?,
            resource: row.resource,
            resource_id: row.resource_id,
            kind: from_word(row.kind, "changes.kind")?,
            at: time(row.at)?,
            project: row.project_id.map(ProjectId),
        })
    }
}

impl Reader {
    /// The newest revision; 0 before the first change.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn change_latest(&self) -> Result<u64, StoreError> {
        let newest = Entity::find()
            .order_by_desc(Column::Revision)
            .one(&self.db())
            .await?;
        newest.map_or(Ok(0), |row| unsigned(row.revision, "changes.revision"))
    }

    /// The revision after which all that is kept follows, but for the oldest
    /// entry when there were others before it; 0 before the first change.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn change_oldest(&self) -> Result<u64, StoreError> {
        let oldest = Entity::find()
            .order_by_asc(Column::Revision)
            .one(&self.db())
            .await?;
        match oldest.map(|row| row.revision) {
            None | Some(1) => Ok(0),
            Some(revision) => unsigned(revision, "changes.revision"),
        }
    }

    /// At most `limit` changes after `revision`, oldest first. `None` if the log
    /// no longer reaches back to it, or never came to it: then only the whole
    /// state tells what changed.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn change_since(
        &self,
        revision: u64,
        limit: u64,
    ) -> Result<Option<Vec<ChangeRecord>>, StoreError> {
        let after = signed(revision)?;
        let mut rows = Entity::find()
            .filter(Column::Revision.gte(after))
            .order_by_asc(Column::Revision)
            .limit(limit.saturating_add(1))
            .all(&self.db())
            .await?;
        // The entry at the revision itself shows that nothing is missing after
        // it. One question answers both, so the log cannot change in between.
        let whole = match rows.first().map(|row| row.revision) {
            Some(first) if first == after => {
                rows.remove(0);
                true
            }
            first => after == 0 && first.is_none_or(|first| first == 1),
        };
        if !whole {
            return Ok(None);
        }
        let changes = rows
            .into_iter()
            .take(usize::try_from(limit).unwrap_or(usize::MAX));
        changes
            .map(ChangeRecord::try_from)
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

impl Tx {
    /// Appends to the log, about something of a project if it belongs to one, and
    /// says at which revision.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn change_append(
        &self,
        resource: &str,
        resource_id: impl ToString,
        kind: ChangeKind,
        project: Option<ProjectId>,
    ) -> Result<u64, StoreError> {
        // Counted here rather than by the database, which would leave out the
        // numbers of what was rolled back. Writers take turns.
        let last = match self.revision() {
            Some(last) => last,
            None => self.change_latest().await?,
        };
        let revision = last + 1;
        let row = ActiveModel {
            revision: Set(signed(revision)?),
            resource: Set(resource.to_owned()),
            resource_id: Set(resource_id.to_string()),
            kind: Set(word(kind)?),
            at: Set(millis(now())),
            project_id: Set(project.map(|project| project.0)),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db())
            .await?;
        self.appended(revision);
        Ok(revision)
    }

    /// Forgets all but the newest `keep` entries, and says how many. The newest
    /// one always stays, for it says how far the log has come.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn change_prune(&self, keep: u64) -> Result<u64, StoreError> {
        let oldest = signed(self.change_latest().await?.saturating_sub(keep.max(1)))?;
        let done = Entity::delete_many()
            .filter(Column::Revision.lte(oldest))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeKind;
    use crate::{Store, testing::store};

    async fn append(store: &Store, ids: &'static [&'static str]) {
        store
            .write(move |tx| {
                Box::pin(async move {
                    for id in ids {
                        tx.change_append("app", id, ChangeKind::Updated, None)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
    }

    async fn ids(store: &Store, revision: u64, limit: u64) -> Option<Vec<String>> {
        let changes = store.change_since(revision, limit).await.unwrap()?;
        Some(
            changes
                .into_iter()
                .map(|change| change.resource_id)
                .collect(),
        )
    }

    #[tokio::test]
    async fn the_log_is_followed_by_revision() {
        let (store, _dir) = store().await;
        assert_eq!(ids(&store, 0, 10).await, Some(vec![]));
        let revisions = store.revisions();
        append(&store, &["a", "b", "c"]).await;
        assert_eq!(revisions.latest(), 3);
        assert_eq!(ids(&store, 0, 10).await.unwrap(), ["a", "b", "c"]);
        assert_eq!(ids(&store, 1, 1).await.unwrap(), ["b"]);
        assert_eq!(ids(&store, 3, 10).await, Some(vec![]));
        assert_eq!(ids(&store, 4, 10).await, None, "a revision that never was");
    }

    #[tokio::test]
    async fn a_gap_is_told() {
        let (store, _dir) = store().await;
        append(&store, &["a", "b", "c", "d"]).await;
        let pruned = store
            .write(|tx| Box::pin(async move { tx.change_prune(2).await }))
            .await
            .unwrap();
        assert_eq!(pruned, 2);
        assert_eq!(ids(&store, 0, 10).await, None);
        assert_eq!(ids(&store, 1, 10).await, None);
        assert_eq!(ids(&store, 3, 10).await.unwrap(), ["d"]);

        store
            .write(|tx| Box::pin(async move { tx.change_prune(0).await }))
            .await
            .unwrap();
        assert_eq!(store.change_latest().await.unwrap(), 4);
        append(&store, &["e"]).await;
        assert_eq!(
            ids(&store, 4, 10).await.unwrap(),
            ["e"],
            "revisions never repeat"
        );
    }

    #[tokio::test]
    async fn what_is_rolled_back_wakes_nobody() {
        let (store, _dir) = store().await;
        let revisions = store.revisions();
        let failed: Result<(), _> = store
            .write(|tx| {
                Box::pin(async move {
                    tx.change_append("app", "a", ChangeKind::Created, None)
                        .await?;
                    Err(crate::StoreError::Closed)
                })
            })
            .await;
        failed.unwrap_err();
        assert_eq!(revisions.latest(), 0);
        assert_eq!(store.change_latest().await.unwrap(), 0);
    }
}
