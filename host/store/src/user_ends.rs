//! The end of users: what goes with them, and what stays.

use muster_api::id::UserId;
use sea_orm::{
    ExprTrait,
    entity::prelude::*,
    sea_query::{Expr, Query},
};

use crate::{error::StoreError, tx::Tx};

/// The tables of what goes with a user. Each has a column `user_id`.
const GOING: [&str; 15] = [
    "passwords",
    "identities",
    "totp",
    "recovery_codes",
    "passkeys",
    "access_keys",
    "refresh_tokens",
    "sessions",
    "tickets",
    "project_members",
    "access_bindings",
    "sign_ups",
    "messages",
    "quotas",
    "quota_reservations",
];

impl Tx {
    /// Takes everything from a user that they sign in with or may do anything
    /// by: passwords, identities, keys, sessions, links in mails, memberships
    /// and access roles. The user stays, with what they accepted.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn user_strip(&self, id: UserId) -> Result<(), StoreError> {
        for table in GOING {
            self.delete_where(table, "user_id", id.0).await?;
        }
        Ok(())
    }

    /// Removes a user who never was one, with all traces but those in the logs.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn user_remove(&self, id: UserId) -> Result<(), StoreError> {
        self.user_strip(id).await?;
        self.delete_where("users", "id", id.0).await
    }

    async fn delete_where(
        &self,
        table: &'static str,
        column: &'static str,
        id: Uuid,
    ) -> Result<(), StoreError> {
        let statement = Query::delete()
            .from_table(table)
            .and_where(Expr::col(column).eq(id))
            .take();
        self.db().execute(&statement).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DbBackend, Statement};

    use super::GOING;
    use crate::{now, testing};

    /// What is kept of a user for good.
    const STAYING: [&str; 2] = ["apps", "term_acceptances"];

    #[tokio::test]
    async fn each_table_of_users_says_whether_it_goes_with_them() {
        let (store, _dir) = testing::store().await;
        let db = store.db();
        let tables = if db.get_database_backend() == DbBackend::Postgres {
            "SELECT table_name::text AS name FROM information_schema.columns \
             WHERE table_schema = current_schema() AND column_name = 'user_id'"
        } else {
            "SELECT m.name AS name FROM sqlite_master m \
             JOIN pragma_table_info(m.name) c ON c.name = 'user_id' WHERE m.type = 'table'"
        };
        let found = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), tables))
            .await
            .unwrap();
        let mut found: Vec<String> = found
            .iter()
            .map(|row| row.try_get("", "name").unwrap())
            .collect();
        found.sort();
        let mut known: Vec<&str> = GOING.iter().chain(&STAYING).copied().collect();
        known.sort_unstable();
        assert_eq!(found, known);
    }

    #[tokio::test]
    async fn a_stripped_user_is_there_but_cannot_do_anything() {
        let (store, _dir) = testing::store().await;
        let ada = testing::user("ada");
        let id = ada.id;
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.password_put(ada.id, "hash", now()).await?;
                    tx.sign_up_insert(ada.id, Some("127.0.0.1"), now()).await?;
                    assert!(tx.sign_up_is(ada.id).await?);
                    tx.user_strip(ada.id).await
                })
            })
            .await
            .unwrap();
        assert_eq!(store.password_hash(id).await.unwrap(), None);
        assert!(!store.sign_up_is(id).await.unwrap());
        assert!(store.user_by_id(id).await.unwrap().is_some());
        store
            .write(move |tx| Box::pin(async move { tx.user_remove(id).await }))
            .await
            .unwrap();
        assert_eq!(store.user_by_id(id).await.unwrap(), None);
    }
}
