//! From lines to tables.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use muster_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DbBackend, TransactionTrait, Value as Bound,
    sea_query::{Alias, Expr, Query},
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{FORMAT, VERSION, tables::Kind, text};
use crate::{error::StoreError, sqlite, store::Store};

/// How many values one statement may bind.
const BOUND: usize = 900;

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line is not as the format says.
    #[error("line {line} is not what an export of the state has there: {reason}")]
    Malformed {
        /// Which, from 1 on.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// It was written by a newer Muster.
    #[error("it was written by a newer version of Muster ({what})")]
    Newer {
        /// The format or schema that this version does not know.
        what: String,
    },
    /// It could not be read to its end.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// The database takes it not.
    #[error("the database does not take it: {0}")]
    Refused(String),
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The newest change of the schema that it was written with.
    pub schema: String,
    /// How many tables there were.
    pub tables: u64,
    /// How many rows.
    pub rows: u64,
}

/// Lines as they come from wherever an export is kept.
pub type Lines<'l> = dyn Iterator<Item = Result<String, String>> + Send + 'l;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    version: u64,
    schema: String,
    #[serde(rename = "at")]
    _at: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    table: String,
    columns: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: u64,
}

/// A table of which rows come.
struct Open {
    name: String,
    columns: Vec<(String, Kind)>,
    waiting: Vec<Vec<Bound>>,
}

/// Counts lines, for whoever has to be told which one is wrong.
struct Reading<'r, 'l> {
    lines: &'r mut Lines<'l>,
    line: u64,
}

impl Reading<'_, '_> {
    fn next(&mut self) -> Result<Value, ImportError> {
        self.line += 1;
        let line = match self.lines.next() {
            Some(line) => line.map_err(ImportError::Unreadable)?,
            None => return Err(self.malformed("it ends too early")),
        };
        serde_json::from_str(&line).map_err(|error| self.malformed(error))
    }

    fn malformed(&self, reason: impl ToString) -> ImportError {
        ImportError::Malformed {
            line: self.line,
            reason: reason.to_string(),
        }
    }

    /// Reads the head, and says which version of the schema it is of.
    fn head(&mut self) -> Result<String, ImportError> {
        let value = self.next()?;
        let head: Head = serde_json::from_value(value).map_err(|error| self.malformed(error))?;
        if head.format != FORMAT {
            return Err(self.malformed("it is something else"));
        }
        if head.version > VERSION {
            let what = format!("version {} of the format", head.version);
            return Err(ImportError::Newer { what });
        }
        let known = Migrator::migrations();
        if !known.iter().any(|change| change.name() == head.schema) {
            return Err(ImportError::Newer { what: head.schema });
        }
        Ok(head.schema)
    }
}

impl Store {
    /// Makes a database in the file at `path`, where there must be none, out of an
    /// export: with the schema that it is of, which is then brought up to date.
    ///
    /// # Errors
    /// [`ImportError`]. The file may be there then, and is of no use.
    pub async fn restore(path: &Path, lines: &mut Lines<'_>) -> Result<Imported, ImportError> {
        let refused = |error: StoreError| ImportError::Refused(error.to_string());
        let db_refused = |error| ImportError::Refused(text(error));
        let mut reading = Reading { lines, line: 0 };
        let schema = reading.head()?;
        sqlite::create(path).map_err(refused)?;
        let db = sqlite::writer(path).await.map_err(db_refused)?;
        let migrations = Migrator::migrations();
        let steps = migrations.iter().position(|change| change.name() == schema);
        // The head was checked: it is there, and there are few of them.
        let steps = steps.map_or(0, |at| at as u32 + 1);
        Migrator::up(&db, Some(steps)).await.map_err(db_refused)?;
        let tx = db.begin().await.map_err(db_refused)?;
        let (tables, rows) = fill(&tx, &mut reading).await?;
        tx.commit().await.map_err(db_refused)?;
        Migrator::up(&db, None).await.map_err(db_refused)?;
        db.close().await.map_err(db_refused)?;
        Ok(Imported {
            schema,
            tables,
            rows,
        })
    }

    /// Reads an export to its end without keeping any of it.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn check_export(lines: &mut Lines<'_>) -> Result<Imported, ImportError> {
        let mut reading = Reading { lines, line: 0 };
        let schema = reading.head()?;
        let (mut tables, mut rows) = (0, 0);
        let mut open = None;
        loop {
            match line(&mut reading, open.as_ref())? {
                Line::Begin(table) => {
                    tables += 1;
                    open = Some(table);
                }
                Line::Row(_) => rows += 1,
                Line::End(told) => {
                    ended(&mut reading, told, rows)?;
                    return Ok(Imported {
                        schema,
                        tables,
                        rows,
                    });
                }
            }
        }
    }
}

enum Line {
    Begin(Open),
    Row(Vec<Bound>),
    End(u64),
}

/// Takes one line.
fn line(reading: &mut Reading<'_, '_>, open: Option<&Open>) -> Result<Line, ImportError> {
    let value = reading.next()?;
    if let Value::Array(values) = value {
        let table = open.ok_or_else(|| reading.malformed("a row of no table"))?;
        if values.len() != table.columns.len() {
            return Err(reading.malformed("a row with too few values, or too many"));
        }
        let bound = values.into_iter().zip(&table.columns);
        let bound: Option<Vec<_>> = bound.map(|(value, (_, kind))| bind(*kind, value)).collect();
        let row = bound.ok_or_else(|| reading.malformed("a value of another kind"))?;
        return Ok(Line::Row(row));
    }
    if value.get("end").is_some() {
        let end: End = serde_json::from_value(value).map_err(|error| reading.malformed(error))?;
        return Ok(Line::End(end.end));
    }
    let begin: Begin = serde_json::from_value(value).map_err(|error| reading.malformed(error))?;
    let plain = |name: &str| {
        let good = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        !name.is_empty() && name.bytes().all(good)
    };
    if !plain(&begin.table) || begin.columns.is_empty() {
        return Err(reading.malformed("a table without name or columns"));
    }
    let columns = begin.columns.into_iter().map(|(name, word)| {
        let kind = Kind::of_word(&word).filter(|_| plain(&name))?;
        Some((name, kind))
    });
    let columns: Option<Vec<_>> = columns.collect();
    Ok(Line::Begin(Open {
        name: begin.table,
        columns: columns.ok_or_else(|| reading.malformed("a column of no known kind"))?,
        waiting: Vec::new(),
    }))
}

/// Checks that nothing is missing and nothing follows.
fn ended(reading: &mut Reading<'_, '_>, told: u64, rows: u64) -> Result<(), ImportError> {
    if told != rows {
        return Err(reading.malformed(format!("it has {rows} rows in place of {told}")));
    }
    match reading.lines.next() {
        None => Ok(()),
        Some(Ok(_)) => Err(reading.malformed("something follows its end")),
        Some(Err(error)) => Err(ImportError::Unreadable(error)),
    }
}

/// Fills tables in place of what is in them.
async fn fill(
    db: &impl ConnectionTrait,
    reading: &mut Reading<'_, '_>,
) -> Result<(u64, u64), ImportError> {
    let (mut tables, mut rows) = (0, 0);
    let mut open: Option<Open> = None;
    loop {
        match line(reading, open.as_ref())? {
            Line::Begin(table) => {
                if let Some(before) = &mut open {
                    insert(db, before).await?;
                }
                // What the schema came with is in the export, too, if it is still
                // there.
                let clear = Query::delete()
                    .from_table(Alias::new(&table.name))
                    .to_owned();
                let cleared = db.execute(&clear).await;
                cleared.map_err(|error| ImportError::Refused(text(error)))?;
                tables += 1;
                open = Some(table);
            }
            Line::Row(row) => {
                rows += 1;
                if let Some(table) = &mut open {
                    table.waiting.push(row);
                    if table.waiting.len() * table.columns.len() >= BOUND {
                        insert(db, table).await?;
                    }
                }
            }
            Line::End(told) => {
                if let Some(table) = &mut open {
                    insert(db, table).await?;
                }
                ended(reading, told, rows)?;
                if db.get_database_backend() == DbBackend::Postgres {
                    count_on(db).await?;
                }
                return Ok((tables, rows));
            }
        }
    }
}

async fn insert(db: &impl ConnectionTrait, table: &mut Open) -> Result<(), ImportError> {
    if table.waiting.is_empty() {
        return Ok(());
    }
    let mut insert = Query::insert();
    insert.into_table(Alias::new(&table.name));
    insert.columns(table.columns.iter().map(|(name, _)| Alias::new(name)));
    for row in table.waiting.drain(..) {
        let added = insert.values(row.into_iter().map(Expr::value));
        added.map_err(|error| ImportError::Refused(error.to_string()))?;
    }
    let done = db.execute(&insert).await;
    done.map(drop)
        .map_err(|error| ImportError::Refused(text(error)))
}

/// Has PostgreSQL count on where the rows end; SQLite does by itself.
async fn count_on(db: &impl ConnectionTrait) -> Result<(), ImportError> {
    for (table, key) in [("changes", "revision"), ("audit", "id")] {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{key}'), max({key})) FROM {table} HAVING max({key}) IS NOT NULL"
        );
        db.execute_unprepared(&sql)
            .await
            .map_err(|error| ImportError::Refused(text(error)))?;
    }
    Ok(())
}

/// A value as the database takes it; `None` if it is of another kind.
fn bind(kind: Kind, value: Value) -> Option<Bound> {
    let none = value.is_null();
    Some(match kind {
        Kind::Bool => Bound::Bool(if none { None } else { Some(value.as_bool()?) }),
        Kind::Bytes => {
            let bytes = match value.as_str() {
                Some(text) => Some(STANDARD.decode(text).ok()?),
                None if none => None,
                None => return None,
            };
            bytes.into()
        }
        Kind::Integer => Bound::BigInt(if none { None } else { Some(value.as_i64()?) }),
        Kind::Small => {
            let small = value.as_i64().and_then(|number| i32::try_from(number).ok());
            Bound::Int(if none { None } else { Some(small?) })
        }
        Kind::Text => match value {
            Value::String(text) => Some(text).into(),
            Value::Null => None::<String>.into(),
            _ => return None,
        },
        Kind::Uuid => match value {
            Value::String(text) => Some(Uuid::parse_str(&text).ok()?).into(),
            Value::Null => None::<Uuid>.into(),
            _ => return None,
        },
        Kind::Json => match value {
            Value::Null => None::<Value>.into(),
            Value::Array(mut one) if one.len() == 1 => one.pop().into(),
            _ => return None,
        },
    })
}
