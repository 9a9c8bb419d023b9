//! The chain of hashes: how an entry is hashed, and how a log is checked. Pure,
//! so that a host and whoever holds an export check alike.

use std::fmt;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{AuditBreak, AuditEntry, AuditHead, AuditRecord};
use crate::blocks::Digest;

/// What the hash is of, so that it never equals a hash of something else.
const PURPOSE: &[u8] = b"muster audit entry 1";

/// The hash before the first entry.
#[must_use]
pub fn genesis() -> Digest {
    Digest::from_bytes(&[0; 32])
}

/// The hash of an entry in its place. Every field goes in with its length, and
/// with a mark for whether it is there at all, so that no two entries give the
/// same bytes; objects go in with their keys sorted, since databases differ in
/// how they keep them.
#[must_use]
pub fn entry_hash(number: u64, previous: &Digest, entry: &AuditEntry) -> Digest {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    put(PURPOSE);
    put(previous.as_str().as_bytes());
    put(&number.to_be_bytes());
    let at = entry.at.unix_timestamp_nanos().div_euclid(1_000_000);
    put(&at.to_be_bytes());
    put(entry.actor.as_bytes());
    put(entry.action.as_bytes());
    put(entry.subject.as_bytes());
    put(entry.outcome.as_str().as_bytes());
    put(&entry.times.to_be_bytes());
    let before = entry.before.as_ref().map(canonical);
    let after = entry.after.as_ref().map(canonical);
    for optional in [
        entry.credential.as_deref(),
        entry.reason.as_deref(),
        before.as_deref(),
        after.as_deref(),
        entry.origin.as_deref(),
        entry.request_id.as_deref(),
    ] {
        put(&[u8::from(optional.is_some())]);
        put(optional.unwrap_or_default().as_bytes());
    }
    Digest::from_bytes(&hash.finalize().into())
}

/// JSON with sorted keys and nothing that could be left out.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<_> = object.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (at, (key, value)) in keys.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// The same value with its fractions as text. Databases and parsers differ in
/// the last digit of a fraction, and a hash must not.
#[must_use]
pub fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::from(number.to_string()),
        Value::Array(items) => items.into_iter().map(without_fractions).collect(),
        Value::Object(object) => object
            .into_iter()
            .map(|(key, value)| (key, without_fractions(value)))
            .collect(),
        plain => plain,
    }
}

/// Where a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The entry is not what was written.
    Changed,
    /// The entry does not follow the one before it.
    Unlinked,
    /// Entries before this one are missing, so many.
    Missing(u64),
    /// An entry with this number came already.
    Disorder,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("it is not what was written: its hash does not fit"),
            Self::Unlinked => f.write_str("it does not follow the entry before it"),
            Self::Missing(1) => f.write_str("the entry before it is missing"),
            Self::Missing(count) => write!(f, "the {count} entries before it are missing"),
            Self::Disorder => f.write_str("it is not in its place"),
        }
    }
}

/// Checks a log, entry by entry, from the oldest on.
#[derive(Debug, Clone)]
pub struct Chain {
    head: AuditHead,
    entries: u64,
}

impl Chain {
    /// Begins after the given place: the last entry that was removed, or
    /// [`Chain::from_the_beginning`].
    #[must_use]
    pub fn after(head: AuditHead) -> Self {
        Self { head, entries: 0 }
    }

    /// Begins before the first entry that ever was.
    #[must_use]
    pub fn from_the_beginning() -> Self {
        Self::after(AuditHead {
            number: 0,
            hash: genesis(),
        })
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// If it does not fit, and how; the chain stays where it was.
    pub fn push(&mut self, record: &AuditRecord) -> Result<(), AuditBreak> {
        let expected = self.head.number + 1;
        let fault = if entry_hash(record.number, &record.previous, &record.entry) != record.hash {
            Some(Break::Changed)
        } else if record.number > expected {
            Some(Break::Missing(record.number - expected))
        } else if record.number < expected {
            Some(Break::Disorder)
        } else if record.previous != self.head.hash {
            Some(Break::Unlinked)
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(AuditBreak {
                number: record.number,
                reason: fault.to_string(),
            });
        }
        self.head = AuditHead {
            number: record.number,
            hash: record.hash.clone(),
        };
        self.entries += 1;
        Ok(())
    }

    /// The newest entry so far.
    #[must_use]
    pub fn head(&self) -> &AuditHead {
        &self.head
    }

    /// How many entries were taken.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;

    use super::*;
    use crate::audit::AuditOutcome;

    fn entry(subject: &str) -> AuditEntry {
        AuditEntry {
            at: OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
            actor: "ada".to_owned(),
            credential: Some("session 1".to_owned()),
            action: "app.scale".to_owned(),
            subject: subject.to_owned(),
            outcome: AuditOutcome::Done,
            reason: None,
            times: 1,
            before: Some(json!({ "b": 1, "a": [true, null] })),
            after: None,
            origin: None,
            request_id: Some("r".to_owned()),
        }
    }

    fn log(subjects: &[&str]) -> Vec<AuditRecord> {
        let mut previous = genesis();
        let mut log = Vec::new();
        for (number, subject) in (1..).zip(subjects) {
            let entry = entry(subject);
            let hash = entry_hash(number, &previous, &entry);
            log.push(AuditRecord {
                number,
                entry,
                previous: std::mem::replace(&mut previous, hash.clone()),
                hash,
            });
        }
        log
    }

    fn first_break(log: &[AuditRecord]) -> Option<u64> {
        let mut chain = Chain::from_the_beginning();
        log.iter()
            .find_map(|record| chain.push(record).err())
            .map(|broken| broken.number)
    }

    #[test]
    fn a_log_as_it_was_written_is_whole() {
        assert_eq!(first_break(&log(&["a", "b", "c"])), None);
    }

    #[test]
    fn the_hash_never_changes_its_meaning() {
        // Logs outlive versions: this value may only change with PURPOSE.
        assert_eq!(
            entry_hash(1, &genesis(), &entry("a")).as_str(),
            "82d057a41a0f97df7f46a0fcaffda52ecd76c09e78056aa49ab46f83bcdc4a98"
        );
    }

    #[test]
    fn every_field_counts() {
        let original = entry("a");
        let hash = entry_hash(1, &genesis(), &original);
        let changes: [fn(&mut AuditEntry); 12] = [
            |entry| entry.at += time::Duration::MILLISECOND,
            |entry| entry.actor.push('x'),
            |entry| entry.credential = None,
            |entry| entry.action.push('x'),
            |entry| entry.subject.push('x'),
            |entry| entry.outcome = AuditOutcome::Refused,
            |entry| entry.reason = Some(String::new()),
            |entry| entry.times = 2,
            |entry| entry.before = Some(json!({ "b": 1, "a": [true, "null"] })),
            |entry| entry.after = Some(json!({})),
            |entry| entry.origin = Some(String::new()),
            |entry| entry.request_id = None,
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut changed = original.clone();
            change(&mut changed);
            assert_ne!(entry_hash(1, &genesis(), &changed), hash, "change {at}");
        }
        assert_ne!(entry_hash(2, &genesis(), &original), hash);
        // What moves from one field to the next is no longer the same.
        let (mut left, mut right) = (original.clone(), original);
        (left.actor, left.action) = ("ab".to_owned(), "c".to_owned());
        (right.actor, right.action) = ("a".to_owned(), "bc".to_owned());
        assert_ne!(
            entry_hash(1, &genesis(), &left),
            entry_hash(1, &genesis(), &right)
        );
    }

    #[test]
    fn the_order_of_keys_does_not_count() {
        let (mut left, mut right) = (entry("a"), entry("a"));
        left.before = serde_json::from_str(r#"{"x":{"b":1,"a":2},"é":[]}"#).ok();
        right.before = serde_json::from_str(r#"{"é":[],"x":{"a":2,"b":1}}"#).ok();
        assert_eq!(
            entry_hash(1, &genesis(), &left),
            entry_hash(1, &genesis(), &right)
        );
    }

    #[test]
    fn whatever_is_done_to_a_log_is_found() {
        let good = log(&["a", "b", "c", "d"]);
        let mut edited = good.clone();
        edited[1].entry.actor = "bob".to_owned();
        assert_eq!(first_break(&edited), Some(2));
        // Hashed anew, it no longer fits the entry after it.
        edited[1].hash = entry_hash(2, &edited[1].previous, &edited[1].entry);
        assert_eq!(first_break(&edited), Some(3));
        let mut deleted = good.clone();
        deleted.remove(1);
        assert_eq!(first_break(&deleted), Some(3));
        let mut swapped = good.clone();
        swapped.swap(1, 2);
        assert_eq!(first_break(&swapped), Some(3));
        let mut twice = good.clone();
        twice.insert(1, good[0].clone());
        assert_eq!(first_break(&twice), Some(1));
        assert_eq!(first_break(&good[1..]), Some(2));
    }

    #[test]
    fn fractions_are_kept_as_text() {
        let value = without_fractions(json!({ "a": [0.5, 1], "b": { "c": 1e300 } }));
        assert_eq!(value, json!({ "a": ["0.5", 1], "b": { "c": "1e+300" } }));
    }
}
