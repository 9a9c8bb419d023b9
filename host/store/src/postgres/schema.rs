//! How the schema of a PostgreSQL database is brought up to date, by one host at
//! a time.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, SqlxPostgresConnector,
    Statement, sqlx::postgres::PgPoolOptions,
};
use std::{sync::Arc, time::Duration};

use super::{
    options::{self, SCHEMA_LOCK},
    url::{Address, DatabaseUrl},
};
use crate::{error::StoreError, schema};

/// How long the connection may take to be made.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The columns of text that are compared as the database does by default, which
/// is seldom byte by byte, as SQLite does: the order of lists and the pages of
/// them must not depend on the database.
const OTHERWISE: &str = "\
SELECT c.relname AS relation, a.attname AS attribute, format_type(a.atttypid, a.atttypmod) AS kind \
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' \
AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation = 'pg_catalog.\"default\"'::regcollation \
ORDER BY 1, a.attnum";

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::Newer`] if a newer Muster has used the database;
/// [`StoreError::Unsuitable`] if it cannot hold all text.
pub(super) async fn prepare(url: &DatabaseUrl, address: &Address) -> Result<(), StoreError> {
    // One connection, so that the lock of the session holds for all of it.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options::for_schema(url, address))
        .await
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
    let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    let result = with_lock(&db, url).await;
    pool.close().await;
    result
}

async fn with_lock(db: &DatabaseConnection, url: &DatabaseUrl) -> Result<(), StoreError> {
    let encoding = text(db, "SHOW server_encoding").await?;
    if encoding != "UTF8" {
        return Err(StoreError::Unsuitable {
            database: url.to_string(),
            reason: format!("its encoding is {encoding} rather than UTF8"),
        });
    }
    let lock = format!("SELECT pg_advisory_lock({SCHEMA_LOCK})");
    db.execute_unprepared(&lock).await?;
    schema::bring_up(db, &url.to_string()).await?;
    compare_bytes(db).await?;
    Ok(())
}

/// Has all text compared byte by byte.
async fn compare_bytes(db: &DatabaseConnection) -> Result<(), DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, OTHERWISE);
    for row in db.query_all_raw(statement).await? {
        let (relation, attribute): (String, String) =
            (row.try_get("", "relation")?, row.try_get("", "attribute")?);
        let kind: String = row.try_get("", "kind")?;
        let change = format!(
            "ALTER TABLE \"{relation}\" ALTER COLUMN \"{attribute}\" TYPE {kind} COLLATE \"C\""
        );
        db.execute_unprepared(&change).await?;
    }
    Ok(())
}

async fn text(db: &DatabaseConnection, question: &str) -> Result<String, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, question);
    let row = db.query_one_raw(statement).await?;
    row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))
}
