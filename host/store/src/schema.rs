//! Bringing the schema of a database up to date, and going on with one that is
//! newer, if the next version has only added to it.

use muster_migrations::{Migrator, MigratorTrait, SINCE_TABLE, WORKS_SINCE};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::{
    error::StoreError,
    version::{Version, version},
};

/// Brings a database to the newest schema that this program knows, or leaves it
/// as it is if a newer program has used it with which this one goes together.
///
/// # Errors
/// [`StoreError::Newer`] if this program cannot work with its schema.
pub(crate) async fn bring_up(db: &DatabaseConnection, database: &str) -> Result<(), StoreError> {
    if let Some(change) = unknown(db).await? {
        let since = since(db).await?;
        let works = since
            .zip(Version::of(version()))
            .is_some_and(|(since, own)| own >= since);
        if !works {
            return Err(StoreError::Newer {
                database: database.to_owned(),
                change,
            });
        }
        tracing::info!(
            database,
            change,
            "a newer version of Muster has added to the database; this one goes on without"
        );
        return Ok(());
    }
    let pending = Migrator::get_pending_migrations(db).await?.len();
    Migrator::up(db, None).await?;
    if pending > 0 {
        tracing::info!(
            database,
            pending,
            "the database has the schema of this version"
        );
    }
    let known = Statement::from_sql_and_values(
        db.get_database_backend(),
        format!("INSERT INTO {SINCE_TABLE} (version) VALUES ($1) ON CONFLICT DO NOTHING"),
        [WORKS_SINCE.into()],
    );
    db.execute_raw(known).await?;
    Ok(())
}

/// The first change of the schema that this version does not know.
async fn unknown(db: &DatabaseConnection) -> Result<Option<String>, StoreError> {
    let known: Vec<String> = Migrator::migrations()
        .iter()
        .map(|change| change.name().to_owned())
        .collect();
    let applied = Migrator::get_migration_models(db).await?;
    let mut applied = applied.into_iter().map(|change| change.version);
    Ok(applied.find(|change| !known.contains(change)))
}

/// Since which version the schema can be worked with, if it says so.
async fn since(db: &DatabaseConnection) -> Result<Option<Version>, StoreError> {
    let applied = Migrator::get_migration_models(db).await?;
    let told = |change: &str| change.ends_with("_neighbours");
    if !applied.iter().any(|change| told(&change.version)) {
        return Ok(None);
    }
    let all = Statement::from_string(
        db.get_database_backend(),
        format!("SELECT version FROM {SINCE_TABLE}"),
    );
    let mut newest = None;
    for row in db.query_all_raw(all).await? {
        let text: String = row.try_get("", "version")?;
        let Some(version) = Version::of(&text) else {
            return Ok(None);
        };
        newest = newest.max(Some(version));
    }
    Ok(newest)
}
