//! What is refused over and over becomes two entries: the first time at once,
//! and a minute later how often it was since.

use std::{collections::HashMap, time::Duration};

use muster_api::audit::{AuditEntry, AuditOutcome};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::Refusal;

/// How long refusals of one kind are folded.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// How many kinds are told apart in that time; all others become one entry. So
/// an hour has some 7000 entries at most, whatever is refused.
const KINDS: usize = 60;
/// The longest text that somebody from outside gets into the log, in
/// characters.
const LONGEST: usize = 256;

/// Who is refused, what, from where, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    actor: String,
    credential: Option<String>,
    action: String,
    subject: String,
    origin: Option<String>,
    code: String,
}

/// Refusals of one kind since the first of them was written.
#[derive(Debug)]
struct Fold {
    since: Instant,
    times: u64,
    /// When the last one was, and its request.
    last: OffsetDateTime,
    request: Option<String>,
}

/// Folds refusals.
#[derive(Debug, Default)]
pub(super) struct Folding {
    folds: HashMap<Kind, Fold>,
    /// How many were of none of these kinds, or never came here.
    others: u64,
    others_since: Option<Instant>,
}

impl Folding {
    /// Takes a refusal; what is to be written at once, if it is new.
    pub(super) fn take(
        &mut self,
        at: OffsetDateTime,
        refusal: Refusal,
        now: Instant,
    ) -> Option<AuditEntry> {
        let request = refusal.request;
        let kind = Kind {
            actor: refusal
                .actor
                .as_deref()
                .map_or("(unknown)".to_owned(), plain),
            credential: refusal.credential,
            action: refusal.action,
            subject: plain(&refusal.subject),
            origin: refusal.origin,
            code: refusal.code,
        };
        if let Some(fold) = self.folds.get_mut(&kind) {
            fold.times += 1;
            (fold.last, fold.request) = (at, request);
            return None;
        }
        if self.folds.len() >= KINDS {
            self.others_since.get_or_insert(now);
            self.others += 1;
            return None;
        }
        let fold = Fold {
            since: now,
            times: 0,
            last: at,
            request: None,
        };
        let entry = entry(&kind, at, 1, request);
        self.folds.insert(kind, fold);
        Some(entry)
    }

    /// Counts refusals of which nothing else is known.
    pub(super) fn miss(&mut self, times: u64) {
        self.others += times;
    }

    /// What is to be written of those whose minute is over; of all, if there
    /// will be no later.
    pub(super) fn due(&mut self, now: Instant, all: bool) -> Vec<AuditEntry> {
        let mut due = Vec::new();
        self.folds.retain(|kind, fold| {
            let stays = !all && now.duration_since(fold.since) < WINDOW;
            if !stays && fold.times > 0 {
                due.push(entry(kind, fold.last, fold.times, fold.request.take()));
            }
            stays
        });
        if self.others > 0 {
            let since = *self.others_since.get_or_insert(now);
            if all || now.duration_since(since) >= WINDOW {
                due.push(others(std::mem::take(&mut self.others)));
                self.others_since = None;
            }
        }
        due
    }
}

fn entry(kind: &Kind, at: OffsetDateTime, times: u64, request: Option<String>) -> AuditEntry {
    AuditEntry {
        at,
        actor: kind.actor.clone(),
        credential: kind.credential.clone(),
        action: kind.action.clone(),
        subject: kind.subject.clone(),
        outcome: AuditOutcome::Refused,
        reason: Some(kind.code.clone()),
        times,
        before: None,
        after: None,
        origin: kind.origin.clone(),
        request_id: request,
    }
}

/// Of these it is only known how many they were.
fn others(times: u64) -> AuditEntry {
    AuditEntry {
        at: muster_store::now(),
        actor: "(several)".to_owned(),
        credential: None,
        action: "audit.overflow".to_owned(),
        subject: "audit".to_owned(),
        outcome: AuditOutcome::Refused,
        reason: Some("too-many".to_owned()),
        times,
        before: None,
        after: None,
        origin: None,
        request_id: None,
    }
}

/// Text from outside: not too long, and nothing that commands a terminal or
/// that a database does not take.
fn plain(text: &str) -> String {
    let mut plain: String = text
        .chars()
        .take(LONGEST)
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(actor: &str, subject: &str) -> Refusal {
        Refusal {
            actor: Some(actor.to_owned()),
            proven: true,
            credential: None,
            action: "app.delete".to_owned(),
            subject: subject.to_owned(),
            origin: None,
            request: Some("r".to_owned()),
            code: "forbidden".to_owned(),
        }
    }

    #[test]
    fn the_first_is_told_at_once_and_the_rest_a_minute_later() {
        let (mut folding, begin) = (Folding::default(), Instant::now());
        let at = muster_store::now();
        let first = folding.take(at, refusal("eve", "/a"), begin).unwrap();
        assert_eq!(
            (first.times, first.reason.as_deref()),
            (1, Some("forbidden"))
        );
        for _ in 0..9 {
            assert_eq!(folding.take(at, refusal("eve", "/a"), begin), None);
        }
        assert!(folding.take(at, refusal("bob", "/a"), begin).is_some());
        assert!(folding.due(begin + WINDOW / 2, false).is_empty());
        let due = folding.due(begin + WINDOW, false);
        assert_eq!(due.len(), 1, "bob came once: {due:?}");
        assert_eq!((due[0].actor.as_str(), due[0].times), ("eve", 9));
        let again = folding.take(at, refusal("eve", "/a"), begin + WINDOW);
        assert!(again.is_some(), "a new minute begins");
    }

    #[test]
    fn kinds_beyond_the_limit_are_only_counted() {
        let (mut folding, begin) = (Folding::default(), Instant::now());
        let at = muster_store::now();
        let told = (0..10_000)
            .filter(|number| {
                let refusal = refusal(&number.to_string(), "/a");
                folding.take(at, refusal, begin).is_some()
            })
            .count();
        assert_eq!(told, KINDS);
        let due = folding.due(begin + WINDOW, false);
        let times: Vec<u64> = due.iter().map(|entry| entry.times).collect();
        assert_eq!(times, [10_000 - KINDS as u64]);
    }

    #[test]
    fn text_from_outside_is_tamed() {
        let actor = format!("\u{1b}[31m\0\n{}", "x".repeat(10_000));
        let entry = Folding::default()
            .take(muster_store::now(), refusal(&actor, "/a"), Instant::now())
            .unwrap();
        assert_eq!(entry.actor.chars().count(), LONGEST + 1);
        assert!(!entry.actor.chars().any(char::is_control));
    }
}
