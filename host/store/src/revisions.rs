//! News of the change log, for whoever looks anew at everything when something has
//! changed.

use std::time::Duration;

use tokio::{
    sync::watch::{self, error::RecvError},
    time::{Instant, sleep_until},
};

/// How long after one piece of news the next one is told at the earliest: of many
/// changes one after the other, all that came meanwhile are looked at together.
const PACE: Duration = Duration::from_millis(50);

/// Tells that the change log has moved: at once after a quiet time, else at a pace
/// that leaves the machine to who makes the changes.
#[derive(Debug)]
pub struct Revisions {
    newest: watch::Receiver<u64>,
    next: Instant,
}

impl Revisions {
    pub(crate) fn new(newest: watch::Receiver<u64>) -> Self {
        Self {
            newest,
            next: Instant::now(),
        }
    }

    /// The newest revision.
    #[must_use]
    pub fn latest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// What has come so far is known: to be called before looking at anything.
    pub fn mark_unchanged(&mut self) {
        self.newest.mark_unchanged();
    }

    /// Resolves when something has changed that is not known. Nothing is lost if it
    /// is dropped before.
    ///
    /// # Errors
    /// If the store is gone.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        sleep_until(self.next).await;
        self.newest.changed().await?;
        self.next = Instant::now() + PACE;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn news_that_follow_each_other_come_together() {
        let (sender, newest) = watch::channel(0);
        let mut revisions = Revisions::new(newest);
        sender.send_replace(1);
        revisions.changed().await.unwrap();
        let began = Instant::now();
        for revision in 2..9 {
            sender.send_replace(revision);
        }
        // Whoever waited for something else meanwhile has missed nothing.
        assert!(timeout(Duration::ZERO, revisions.changed()).await.is_err());
        revisions.changed().await.unwrap();
        assert_eq!(revisions.latest(), 8);
        assert!(began.elapsed() >= PACE / 2);
        sender.send_replace(9);
        revisions.mark_unchanged();
        drop(sender);
        assert!(revisions.changed().await.is_err());
    }
}
