//! Failed sign-ins, by the name that was tried. Names that nobody has are
//! counted as well, in memory: a pause or a puzzle must not tell who exists.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use muster_api::{config::passwords::LockoutPolicy, id::UserId};
use muster_identity::lockout::{Attempt, Failures};
use muster_store::{StoreError, Tx, UserRecord};

/// How many names are remembered; beyond it all are forgotten.
const MAX_NAMES: usize = 10_000;

/// Counts failures of names that nobody has. Clones share the counts.
#[derive(Clone, Default)]
pub(crate) struct Strangers {
    names: Arc<Mutex<HashMap<String, Failures>>>,
}

impl Strangers {
    pub(crate) fn of(&self, name: &str) -> Failures {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&key(name)).copied().unwrap_or_default()
    }

    pub(crate) fn add(&self, name: &str, policy: &LockoutPolicy) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let name = key(name);
        if names.len() >= MAX_NAMES && !names.contains_key(&name) {
            names.clear();
        }
        let known = names.get(&name).copied().unwrap_or_default();
        let more = known.and_another(policy, muster_store::now());
        names.insert(name, more);
    }
}

/// A user's failures in a row.
pub(crate) fn of_user(user: &UserRecord) -> Failures {
    Failures {
        count: user.failed_logins,
        last: user.last_failure_at,
    }
}

/// As what a name is counted: addresses are the same however they are written.
fn key(name: &str) -> String {
    if name.contains('@') {
        name.to_lowercase()
    } else {
        name.to_owned()
    }
}

/// Counts a failed sign-in of a user, just as those of strangers are counted.
pub(crate) async fn add(tx: &Tx, user: UserId, policy: &LockoutPolicy) -> Result<(), StoreError> {
    let Some(known) = tx.user_by_id(user).await? else {
        return Ok(());
    };
    let now = muster_store::now();
    let more = of_user(&known).and_another(policy, now);
    tx.user_login_failed(user, more.count, now).await
}

/// How many seconds there are to wait before the next try.
pub(crate) fn pause(failures: Failures, policy: &LockoutPolicy) -> Option<u64> {
    let now = muster_store::now();
    match failures.attempt(policy, now) {
        Attempt::Allowed => None,
        Attempt::WaitUntil(until) => {
            let wait = (until - now).whole_seconds().max(0);
            Some(u64::try_from(wait).unwrap_or(0) + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_counted_by_name_and_forgotten_when_there_are_too_many() {
        let (strangers, policy) = (Strangers::default(), LockoutPolicy::default());
        for _ in 0..3 {
            strangers.add("nobody", &policy);
        }
        assert_eq!(strangers.of("nobody").count, 3);
        assert_eq!(strangers.of("somebody").count, 0);
        strangers.add("A@example.org", &policy);
        assert_eq!(strangers.of("a@EXAMPLE.org").count, 1);
        for number in 0..MAX_NAMES {
            strangers.add(&number.to_string(), &policy);
        }
        assert!(strangers.names.lock().unwrap().len() <= MAX_NAMES);
    }
}
