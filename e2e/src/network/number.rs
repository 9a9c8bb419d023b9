//! Which of the networks of a machine one is. Whoever holds the lock on a
//! number's file has that number; the kernel takes it back with the process,
//! however that ended, so whatever bears a number that can be locked is a
//! leftover.

use std::{
    env,
    fs::{self, File},
    hash::{BuildHasher, Hasher, RandomState},
};

/// What the names of all namespaces begin with.
const PREFIX: &str = "muster-e2e-";
/// How many networks there may be at a time.
const MOST: u8 = 249;

/// A number that no other process has, as long as it is held.
pub(super) struct Number {
    value: u8,
    _lock: File,
}

impl Number {
    /// Takes a number that is free. Seldom one that was in use just before: the
    /// kernel goes on for a while looking for those who had its addresses.
    ///
    /// # Panics
    /// If there is none, or files cannot be written.
    pub(super) fn take() -> Self {
        let random = RandomState::new().build_hasher().finish() % u64::from(MOST);
        let (before, after): (Vec<u8>, Vec<u8>) =
            (1..=MOST).partition(|&value| u64::from(value) <= random);
        let mut values = after.into_iter().chain(before);
        values
            .find_map(Self::lock)
            .expect("not all networks are in use")
    }

    fn lock(value: u8) -> Option<Self> {
        let folder = env::temp_dir().join("muster-e2e-networks");
        fs::create_dir_all(&folder).expect("a folder for locks");
        let mut file = File::options();
        file.write(true).create(true).truncate(false);
        let lock = file.open(folder.join(value.to_string()));
        let lock = lock.expect("a lock can be made");
        lock.try_lock().ok()?;
        Some(Self { value, _lock: lock })
    }

    /// The number.
    pub(super) fn value(&self) -> u8 {
        self.value
    }

    /// The name of a namespace of this network.
    pub(super) fn namespace(&self, of: &str) -> String {
        format!("{PREFIX}{}-{of}", self.value)
    }
}

/// The numbers that none of these namespaces' makers holds any more, with their
/// namespaces. They are held as long as the result is.
pub(super) fn leftovers(namespaces: &[String]) -> Vec<(Number, Vec<String>)> {
    let mut numbers: Vec<u8> = namespaces.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let left = numbers.into_iter().filter_map(|value| {
        let lock = Number::lock(value)?;
        let names = namespaces.iter().filter(|name| number(name) == Some(value));
        Some((lock, names.cloned().collect()))
    });
    left.collect()
}

fn number(namespace: &str) -> Option<u8> {
    let (number, _) = namespace.strip_prefix(PREFIX)?.split_once('-')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_held_by_one_alone() {
        let one = Number::take();
        let two = Number::take();
        assert_ne!(one.value(), two.value());
        let names = [one.namespace("switch"), "something-else".to_owned()];
        assert!(leftovers(&names).is_empty(), "it is held");
        drop(one);
        let left = leftovers(&names);
        // Another test may have taken it in the meantime.
        assert!(left.len() <= 1);
        assert!(left.iter().all(|(_, names)| names.len() == 1));
    }

    #[test]
    fn names_tell_their_number() {
        assert_eq!(number("muster-e2e-12-switch"), Some(12));
        assert_eq!(number("muster-e2e-12"), None);
        assert_eq!(number("muster-e2e-x-0"), None);
        assert_eq!(number("eth0"), None);
    }
}
