//! Terms of use: versions that never change, and who accepted them. The newest
//! one counts, and everybody has to accept it before anything else.

use std::fmt::Write;

use muster_api::{
    page::{Page, PageQuery},
    terms::{Acceptance, MAX_TEXT, NewTerm, Term, TermFormat, TermInfo},
};
use muster_store::{AcceptanceRecord, ChangeKind, Reader, Store, TermRecord, Tx, UserRecord};
use sha2::{Digest, Sha256};

use super::{
    error::ControlError,
    record::{Actor, Change, record, value},
    views::page_limit,
};

/// The version that a user has to accept before anything else, if any.
///
/// # Errors
/// If the database could not be read.
pub(crate) async fn required(db: &Reader, user: &UserRecord) -> Result<Option<u64>, ControlError> {
    let Some(newest) = db.term_newest().await? else {
        return Ok(None);
    };
    let accepted = db.term_is_accepted(user.id, newest).await?;
    Ok((!accepted).then_some(newest))
}

/// Notes that a user accepts a version, within the transaction of their
/// sign-in. `origin` is the address that they accept it from.
///
/// # Errors
/// If it is not the newest one.
pub(crate) async fn accept(
    tx: &Tx,
    user: &UserRecord,
    version: u64,
    origin: Option<&str>,
) -> Result<(), ControlError> {
    let newest = tx.term_newest().await?;
    if newest != Some(version) {
        return Err(other_version(newest));
    }
    if tx.term_is_accepted(user.id, version).await? {
        return Ok(());
    }
    let accepted = AcceptanceRecord {
        version,
        user: user.id,
        user_name: user.name.clone(),
        origin: origin.map(str::to_owned),
        accepted_at: muster_store::now(),
    };
    tx.acceptance_insert(&accepted).await?;
    let actor = Actor {
        user: Some(user.id),
        origin: accepted.origin.clone(),
        ..Actor::host(&user.name)
    };
    let number = version.to_string();
    let change = Change {
        resource: "term",
        project: None,
        id: number.clone(),
        name: &number,
        verb: "accept",
        kind: ChangeKind::Updated,
        before: None,
        after: value(&acceptance(accepted)),
    };
    record(tx, &actor, change).await?;
    Ok(())
}

/// Why the acceptance of a version does not count.
pub(crate) fn other_version(newest: Option<u64>) -> ControlError {
    let message = match newest {
        Some(newest) => {
            format!("accept version {newest}, whose text is at GET /api/v1/terms/{newest}")
        }
        None => "there are no terms of use".to_owned(),
    };
    ControlError::invalid("accept_terms", message)
}

/// The terms of use of this Muster.
#[derive(Clone)]
pub(crate) struct TermsOfUse {
    pub(crate) store: Store,
}

impl TermsOfUse {
    /// Adds a version.
    pub(crate) async fn add(&self, actor: &Actor, new: NewTerm) -> Result<TermInfo, ControlError> {
        if new.text.trim().is_empty() {
            return Err(ControlError::invalid("text", "there is no text"));
        }
        if new.text.len() > MAX_TEXT {
            let message = format!(
                "the text has {} bytes, {MAX_TEXT} are allowed",
                new.text.len()
            );
            return Err(ControlError::invalid("text", message));
        }
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let term = TermRecord {
                        version: tx.term_newest().await?.unwrap_or(0) + 1,
                        media_type: new.media_type.word().to_owned(),
                        text: new.text,
                        added_by: actor.name.clone(),
                        created_at: muster_store::now(),
                    };
                    tx.term_insert(&term).await?;
                    let info = info(&term)?;
                    let number = term.version.to_string();
                    let change = Change {
                        resource: "term",
                        project: None,
                        id: number.clone(),
                        name: &number,
                        verb: "add",
                        kind: ChangeKind::Created,
                        before: None,
                        after: value(&info),
                    };
                    record(tx, &actor, change).await?;
                    Ok(info)
                })
            })
            .await
    }

    /// One page of versions, newest first.
    pub(crate) async fn list(&self, query: &PageQuery) -> Result<Page<TermInfo>, ControlError> {
        let cursor = cursor(query, |text| text.parse().ok())?;
        let found = self.store.term_list(cursor, page_limit(query)?).await?;
        let items = found.items.iter().map(info).collect::<Result<_, _>>()?;
        Ok(Page {
            items,
            next: found.next,
        })
    }

    /// A version with its text.
    pub(crate) async fn show(&self, version: u64) -> Result<Term, ControlError> {
        // Numbers that the database cannot hold are no version.
        let found = match i64::try_from(version) {
            Ok(_) => self.store.term_get(version).await?,
            Err(_) => None,
        };
        let term = found.ok_or_else(|| ControlError::not_found("term", version.to_string()))?;
        Ok(Term {
            info: info(&term)?,
            text: term.text,
        })
    }

    /// One page of acceptances, by version.
    pub(crate) async fn acceptances(
        &self,
        version: Option<u64>,
        query: &PageQuery,
    ) -> Result<Page<Acceptance>, ControlError> {
        if version.is_some_and(|version| i64::try_from(version).is_err()) {
            return Err(ControlError::invalid("version", "there is no such version"));
        }
        let cursor = cursor(query, |text| {
            let (version, user) = text.split_once('.')?;
            Some((version.parse().ok()?, user.parse().ok()?))
        })?;
        let limit = page_limit(query)?;
        let found = self.store.acceptance_list(version, cursor, limit).await?;
        Ok(Page {
            items: found.items.into_iter().map(acceptance).collect(),
            next: found.next,
        })
    }
}

fn cursor<T>(
    query: &PageQuery,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ControlError> {
    let Some(text) = query.cursor.as_deref() else {
        return Ok(None);
    };
    let wrong = || ControlError::invalid("cursor", "this is no cursor of this list");
    read(text).map(Some).ok_or_else(wrong)
}

fn info(term: &TermRecord) -> Result<TermInfo, ControlError> {
    let known = [TermFormat::Markdown, TermFormat::Plain, TermFormat::Html];
    let media_type = known
        .into_iter()
        .find(|format| format.word() == term.media_type)
        .ok_or_else(|| ControlError::Internal(format!("{} is no format", term.media_type)))?;
    let mut digest = String::with_capacity(64);
    for byte in Sha256::digest(term.text.as_bytes()) {
        let _ = write!(digest, "{byte:02x}");
    }
    Ok(TermInfo {
        version: term.version,
        media_type,
        size: term.text.len() as u64,
        digest,
        created_at: term.created_at,
    })
}

fn acceptance(record: AcceptanceRecord) -> Acceptance {
    Acceptance {
        version: record.version,
        user: record.user,
        name: record.user_name,
        origin: record.origin,
        accepted_at: record.accepted_at,
    }
}
