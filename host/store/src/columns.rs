//! How values of the API stand in columns, and back.

use muster_api::{id::ProjectId, lenient, page::Page};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use time::OffsetDateTime;

use crate::error::StoreError;

/// The present in UTC, cut to the milliseconds that the store keeps, so that a
/// record equals what is read back.
#[must_use]
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now)
}

/// A point in time as milliseconds since 1970.
pub(crate) fn millis(at: OffsetDateTime) -> i64 {
    at.unix_timestamp() * 1_000 + i64::from(at.millisecond())
}

/// The point in time of so many milliseconds since 1970.
pub(crate) fn time(millis: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .map_err(|_| StoreError::Damaged(format!("{millis} is not a point in time")))
}

/// A structure as JSON.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::Other(Box::new(error)))
}

/// A structure from the JSON of the column `column`. The next version may have put
/// more there than this one knows.
pub(crate) fn from_json<T: DeserializeOwned>(value: Value, column: &str) -> Result<T, StoreError> {
    lenient::from_value(value).map_err(|error| StoreError::Damaged(format!("{column}: {error}")))
}

/// The word by which an enum stands in JSON, without its quotes.
pub(crate) fn word<T: Serialize>(value: T) -> Result<String, StoreError> {
    match json(&value)? {
        Value::String(word) => Ok(word),
        other => Err(StoreError::Other(format!("{other} is not a word").into())),
    }
}

/// The enum that stands in the column `column` as its word.
pub(crate) fn from_word<T: DeserializeOwned>(word: String, column: &str) -> Result<T, StoreError> {
    from_json(Value::String(word), column)
}

/// The project that the column `column` names. The column came late and allows
/// nothing; every row has one.
pub(crate) fn project(id: Option<uuid::Uuid>, column: &str) -> Result<ProjectId, StoreError> {
    id.map(ProjectId)
        .ok_or_else(|| StoreError::Damaged(format!("{column}: there is no project")))
}

/// A number as the database holds it.
pub(crate) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number)
        .map_err(|_| StoreError::Other(format!("{number} is too large to be kept").into()))
}

/// A number of the column `column`, which is never negative.
pub(crate) fn unsigned<T: TryFrom<i64>>(number: i64, column: &str) -> Result<T, StoreError> {
    T::try_from(number)
        .map_err(|_| StoreError::Damaged(format!("{column}: {number} is out of range")))
}

/// Makes a page of `limit` records from rows of which one more was asked for, to
/// see whether there is a next page. `cursor` says where that begins.
pub(crate) fn page<Row, Record>(
    rows: Vec<Row>,
    limit: u32,
    cursor: impl Fn(&Record) -> String,
) -> Result<Page<Record>, StoreError>
where
    Record: TryFrom<Row, Error = StoreError>,
{
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    let items = rows
        .into_iter()
        .take(limit)
        .map(Record::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let next = items.last().filter(|_| more).map(cursor);
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use muster_api::{apps::DesiredState, jobs::JobState};

    use super::*;

    #[test]
    fn times_survive_to_the_millisecond() {
        let at = now();
        assert_eq!(time(millis(at)).unwrap(), at);
        let early = time(-1).unwrap();
        assert_eq!(millis(early), -1);
        assert!(matches!(time(i64::MAX), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn words_are_those_of_the_api() {
        assert_eq!(word(DesiredState::Started).unwrap(), "started");
        assert_eq!(
            from_word::<JobState>("queued".into(), "jobs.state").unwrap(),
            JobState::Queued
        );
        let error = from_word::<JobState>("dancing".into(), "jobs.state")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("jobs.state") && error.contains("dancing"),
            "{error}"
        );
    }
}
