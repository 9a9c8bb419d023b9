//! The audit log: who changed what, from where, before and after. It only grows.

use muster_api::page::Page;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    QueryOrder, QuerySelect,
    entity::prelude::*,
};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    columns::{millis, signed, time, unsigned},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

mod entry {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub at: i64,
        pub actor: String,
        pub action: String,
        pub subject: String,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub before: Option<Json>,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub after: Option<Json>,
        pub origin: Option<String>,
        pub request_id: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entry::{ActiveModel, Column, Entity, Model};

/// What is to be remembered of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: OffsetDateTime,
    /// Who: a user's name, or a part of the host.
    pub actor: String,
    /// What was done, such as `app.delete`.
    pub action: String,
    /// To what, such as `app/shop`.
    pub subject: String,
    /// What it was like before.
    pub before: Option<Value>,
    /// What it was like afterwards.
    pub after: Option<Value>,
    /// From where: an address.
    pub origin: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number in the log, growing.
    pub id: u64,
    /// What it remembers.
    pub entry: AuditEntry,
}

impl TryFrom<Model> for AuditRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let entry = AuditEntry {
            at: time(row.at)?,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            before: row.before,
            after: row.after,
            origin: row.origin,
            request_id: row.request_id,
        };
        Ok(Self {
            id: unsigned(row.id, "audit.id")?,
            entry,
        })
    }
}

impl Reader {
    /// At most `limit` entries, newest first, from the one before `cursor` on.
    /// The next page's cursor is the last number.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn audit_list(
        &self,
        cursor: Option<u64>,
        limit: u32,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let mut question = Entity::find()
            .order_by_desc(Column::Id)
            .limit(u64::from(limit) + 1);
        if let Some(id) = cursor {
            question = question.filter(Column::Id.lt(signed(id)?));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |record: &AuditRecord| record.id.to_string())
    }
}

impl Tx {
    /// Appends to the log and returns the entry's number.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn audit_append(&self, entry: &AuditEntry) -> Result<u64, StoreError> {
        let row = ActiveModel {
            id: NotSet,
            at: Set(millis(entry.at)),
            actor: Set(entry.actor.clone()),
            action: Set(entry.action.clone()),
            subject: Set(entry.subject.clone()),
            before: Set(entry.before.clone()),
            after: Set(entry.after.clone()),
            origin: Set(entry.origin.clone()),
            request_id: Set(entry.request_id.clone()),
        };
        let inserted = Entity::insert(row).exec(&self.db()).await?;
        unsigned(inserted.last_insert_id, "audit.id")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::AuditEntry;
    use crate::{now, testing::store};

    #[tokio::test]
    async fn entries_are_read_newest_first() {
        let (store, _dir) = store().await;
        let entry = |subject: &str| AuditEntry {
            at: now(),
            actor: "ada".to_owned(),
            action: "app.scale".to_owned(),
            subject: subject.to_owned(),
            before: Some(json!({ "instances": 1 })),
            after: None,
            origin: Some("127.0.0.1".to_owned()),
            request_id: None,
        };
        let entries = ["app/a", "app/b", "app/c"].map(entry);
        let expected = entries.clone();
        store
            .write(|tx| {
                Box::pin(async move {
                    for entry in &entries {
                        tx.audit_append(entry).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
        let page = store.audit_list(None, 2).await.unwrap();
        assert_eq!(
            [&page.items[0].entry, &page.items[1].entry],
            [&expected[2], &expected[1]]
        );
        let rest = store
            .audit_list(Some(page.next.unwrap().parse().unwrap()), 2)
            .await
            .unwrap();
        assert_eq!(
            (rest.items.len(), &rest.items[0].entry, rest.next),
            (1, &expected[0], None)
        );
    }
}
