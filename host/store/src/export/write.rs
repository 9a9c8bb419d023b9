//! From tables to lines.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use muster_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, QueryResult,
    sea_query::{Alias, Order, Query},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    FORMAT, VERSION,
    tables::{Kind, TABLES, Table},
};
use crate::{columns::now, error::StoreError, reader::Reader};

/// How many rows are read at once.
const PAGE: u64 = 2000;

/// The newest change of the schema that this version knows.
pub(super) fn schema() -> String {
    let newest = Migrator::migrations().pop();
    newest.map_or_else(String::new, |change| change.name().to_owned())
}

/// Every table, between a head and an end.
pub(super) async fn all(db: &Reader, lines: &mpsc::Sender<String>) -> Result<u64, StoreError> {
    let head = json!({
        "format": FORMAT,
        "version": VERSION,
        "schema": schema(),
        "at": now().unix_timestamp(),
    });
    send(lines, &head).await?;
    let mut rows = 0;
    for table in TABLES {
        let columns = table.columns.iter().map(|(name, kind)| (name, kind.word()));
        let columns: Vec<_> = columns.collect();
        send(lines, &json!({ "table": table.name, "columns": columns })).await?;
        let mut page = 0;
        loop {
            let found = db.db().query_all(&question(table, page)).await?;
            for row in &found {
                send(lines, &values(table, row)?).await?;
            }
            rows += found.len() as u64;
            page += 1;
            if (found.len() as u64) < PAGE {
                break;
            }
        }
    }
    send(lines, &json!({ "end": rows })).await?;
    Ok(rows)
}

async fn send(lines: &mpsc::Sender<String>, line: &Value) -> Result<(), StoreError> {
    let sent = lines.send(line.to_string()).await;
    sent.map_err(|_| StoreError::Closed)
}

fn question(table: &Table, page: u64) -> sea_orm::sea_query::SelectStatement {
    let mut question = Query::select();
    for (name, _) in table.columns {
        question.column(Alias::new(*name));
    }
    question.from(Alias::new(table.name));
    for key in table.key {
        question.order_by(Alias::new(*key), Order::Asc);
    }
    question.limit(PAGE).offset(page * PAGE);
    question
}

/// A row, with a value for each column in its order.
fn values(table: &Table, row: &QueryResult) -> Result<Value, StoreError> {
    let values = table.columns.iter().enumerate().map(|(index, (_, kind))| {
        Ok(match kind {
            Kind::Bool => json!(row.try_get_by_index::<Option<bool>>(index)?),
            Kind::Bytes => {
                let bytes = row.try_get_by_index::<Option<Vec<u8>>>(index)?;
                json!(bytes.map(|bytes| STANDARD.encode(bytes)))
            }
            Kind::Integer => json!(row.try_get_by_index::<Option<i64>>(index)?),
            Kind::Json => {
                // In a list of its own, since JSON has a null that is not none.
                let value = row.try_get_by_index::<Option<Value>>(index)?;
                value.map_or(Value::Null, |value| json!([value]))
            }
            Kind::Small => json!(row.try_get_by_index::<Option<i32>>(index)?),
            Kind::Text => json!(row.try_get_by_index::<Option<String>>(index)?),
            Kind::Uuid => json!(row.try_get_by_index::<Option<Uuid>>(index)?),
        })
    });
    let values: Result<Vec<Value>, StoreError> = values.collect();
    Ok(Value::Array(values?))
}
