//! What must be so after the host was killed: what was acknowledged, and of what
//! was not, all or nothing.

use std::fmt::Debug;

/// A value that is known, or one of several while a change is under way.
#[derive(Debug)]
pub struct Maybe<T> {
    allowed: Vec<T>,
}

impl<T: Clone + Debug + PartialEq> Maybe<T> {
    /// It is known.
    pub fn sure(value: T) -> Self {
        Self {
            allowed: vec![value],
        }
    }

    /// A change is sent: it may come to that, or stay.
    pub fn sending(&mut self, value: T) {
        self.allowed.push(value);
    }

    /// A change was acknowledged: that it is, and stays.
    pub fn acknowledged(&mut self, value: T) {
        self.allowed = vec![value];
    }

    /// This was found after the host was killed, and is known from now on.
    pub fn found(&mut self, what: &str, value: T) {
        assert!(
            self.allowed.contains(&value),
            "{what} is {value:?}, but can only be one of {:?}",
            self.allowed
        );
        self.acknowledged(value);
    }

    /// What it is, if that is known; what it was before the change if not.
    pub fn known(&self) -> &T {
        &self.allowed[0]
    }
}
