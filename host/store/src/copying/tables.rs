//! The tables, in an order in which each comes after those that it refers to.

use sea_orm::{
    ExprTrait, Iterable, QueryOrder, QuerySelect, Value,
    entity::prelude::*,
    sea_query::{IntoIden, Query, SimpleExpr},
};

use crate::{
    access, access_keys, apps, audit, bundles, certificates, changes, clusters, droplets,
    error::StoreError,
    factors::{passkeys, recovery_codes, totp},
    hosts, idempotency, identities, jobs, memberships, messages, packages, passwords, placements,
    projects, quotas,
    reader::Reader,
    refresh_tokens, releases, roles, routes, sessions, settings, sign_ups, signing_keys,
    store::Work,
    terms, tickets,
    tx::Tx,
    users,
};

/// What says something of the database itself, and is never carried over: who
/// writes to it at the moment, and its schema's history.
#[cfg(test)]
pub(super) const NEVER: [&str; 4] = ["commits", "leases", "schema_since", "seaql_migrations"];

/// The values of a row, in the order of its table's columns.
pub(super) type Row = Vec<Value>;

/// A table, whatever is in it.
#[derive(Clone)]
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<String>,
    /// The place of the column by which rows are found, if it is one alone.
    key: Option<usize>,
    read: for<'t> fn(&'t Reader, After, u64) -> Work<'t, Vec<Row>>,
    count: for<'t> fn(&'t Reader) -> Work<'t, u64>,
}

/// Where to go on: after a row by its key, or after so many rows.
#[derive(Debug, Clone)]
pub(super) enum After {
    Key(Value),
    Rows(u64),
}

/// All tables that are carried over.
pub(super) fn all() -> Vec<Table> {
    vec![
        table::<settings::setting::Entity>(),
        table::<users::user::Entity>(),
        table::<projects::project::Entity>(),
        table::<projects::member::Entity>(),
        table::<access::role::Entity>(),
        table::<access::binding::Entity>(),
        table::<access_keys::key::Entity>(),
        table::<passwords::password::Entity>(),
        table::<identities::identity::Entity>(),
        table::<totp::entity::Entity>(),
        table::<recovery_codes::recovery_code::Entity>(),
        table::<passkeys::passkey::Entity>(),
        table::<sessions::session::Entity>(),
        table::<refresh_tokens::refresh_token::Entity>(),
        table::<signing_keys::signing_key::Entity>(),
        table::<tickets::ticket::Entity>(),
        table::<sign_ups::sign_up::Entity>(),
        table::<messages::message::Entity>(),
        table::<terms::term::Entity>(),
        table::<terms::acceptance::Entity>(),
        table::<quotas::quota::Entity>(),
        table::<quotas::reservation::Entity>(),
        table::<roles::role::Entity>(),
        table::<packages::package::Entity>(),
        table::<apps::app::Entity>(),
        table::<droplets::droplet::Entity>(),
        table::<releases::release::Entity>(),
        table::<routes::tables::route::Entity>(),
        table::<routes::tables::target::Entity>(),
        table::<placements::placement::Entity>(),
        table::<bundles::bundle::Entity>(),
        table::<memberships::membership::Entity>(),
        table::<hosts::host::Entity>(),
        table::<certificates::certificate::Entity>(),
        table::<clusters::cluster::Entity>(),
        table::<jobs::job::Entity>(),
        table::<idempotency::request::Entity>(),
        table::<audit::tables::entry::Entity>(),
        table::<audit::tables::head::Entity>(),
        table::<audit::tables::checkpoint::Entity>(),
        table::<changes::change::Entity>(),
    ]
}

impl Table {
    /// The first rows in the order of their keys, or those that follow.
    pub async fn read(
        &self,
        reader: &Reader,
        after: Option<After>,
        limit: u64,
    ) -> Result<Vec<Row>, StoreError> {
        (self.read)(reader, after.unwrap_or(After::Rows(0)), limit).await
    }

    pub async fn count(&self, reader: &Reader) -> Result<u64, StoreError> {
        (self.count)(reader).await
    }

    /// Where to go on after these rows.
    pub fn after(&self, before: Option<After>, rows: &[Row]) -> Option<After> {
        let last = rows.last()?;
        if let Some(key) = self.key {
            return last.get(key).cloned().map(After::Key);
        }
        let skipped = match before {
            Some(After::Rows(rows)) => rows,
            _ => 0,
        };
        Some(After::Rows(
            skipped + u64::try_from(rows.len()).unwrap_or(u64::MAX),
        ))
    }

    /// The value of a row in a column.
    pub fn value<'r>(&self, row: &'r Row, column: &str) -> Option<&'r Value> {
        let place = self.columns.iter().position(|name| name == column)?;
        row.get(place)
    }

    /// Adds rows.
    pub async fn insert(&self, tx: &Tx, rows: Vec<Row>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert
            .into_table(self.name.clone().into_iden())
            .columns(self.columns.iter().map(|name| name.clone().into_iden()));
        for row in rows {
            let values: Vec<SimpleExpr> = row.into_iter().map(SimpleExpr::from).collect();
            // As many as there are columns: they come from the same table.
            insert.values_panic(values);
        }
        tx.db().execute(&insert).await?;
        Ok(())
    }

    /// Removes rows; those of which `column` is one of `keep` stay.
    pub async fn clear(&self, tx: &Tx, keep: Option<(&str, &[String])>) -> Result<(), StoreError> {
        let mut delete = Query::delete();
        delete.from_table(self.name.clone().into_iden());
        if let Some((column, keep)) = keep {
            let column = Expr::col(column.to_owned().into_iden());
            delete.and_where(column.is_not_in(keep.to_vec()));
        }
        tx.db().execute(&delete).await?;
        Ok(())
    }
}

fn table<E>() -> Table
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E> + Sync,
{
    let columns: Vec<String> = E::Column::iter()
        .map(|column| column.as_str().to_owned())
        .collect();
    let keys: Vec<_> = E::PrimaryKey::iter()
        .map(|key| key.into_column().as_str().to_owned())
        .collect();
    let key = match keys.as_slice() {
        [key] => columns.iter().position(|column| column == key),
        _ => None,
    };
    Table {
        name: E::default().table_name().to_owned(),
        columns,
        key,
        read: read::<E>,
        count: |reader| Box::pin(async move { Ok(E::find().count(&reader.db()).await?) }),
    }
}

fn read<'t, E>(reader: &'t Reader, after: After, limit: u64) -> Work<'t, Vec<Row>>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E> + Sync,
{
    Box::pin(async move {
        let mut question = E::find();
        let mut first = None;
        for key in E::PrimaryKey::iter() {
            let column = key.into_column();
            first = first.or(Some(column));
            question = question.order_by_asc(column);
        }
        question = match (after, first) {
            (After::Key(value), Some(key)) => question.filter(key.gt(value)),
            (After::Rows(rows), _) => question.offset(rows),
            (After::Key(_), None) => question,
        };
        let found = question.limit(limit).all(&reader.db()).await?;
        let row = |model: E::Model| E::Column::iter().map(|column| model.get(column)).collect();
        Ok(found.into_iter().map(row).collect())
    })
}
