//! Backups that are made by themselves.

use std::time::Duration;

use muster_api::{backups::NewBackup, config::backup::BackupConfig};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::Backups;
use crate::control::{error::ControlError, record::Actor};

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(20);
/// The setting that says when one was last begun, in seconds since 1970.
const LAST: &str = "backup-last";

impl Backups {
    /// Begins a backup whenever one is due, until stopped.
    pub(crate) async fn keep_up(self, stop: CancellationToken) {
        let mut changes = self.config.changes();
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "a backup that is due cannot be made");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = changes.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn look(&self) -> Result<(), ControlError> {
        let config: BackupConfig = self.config.get();
        if config.interval.0 == 0 {
            return Ok(());
        }
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let last = self.store.setting_get::<i64>(LAST).await?;
        if last.is_some_and(|last| !is_due(last, now, config.interval.0)) {
            return Ok(());
        }
        // Written down first: one that fails is not begun again and again.
        self.store
            .write(move |tx| Box::pin(async move { tx.setting_put(LAST, &now).await }))
            .await?;
        let host = Actor::host("schedule");
        match self.begin_create(&host, NewBackup::default()).await {
            Err(ControlError::Conflict {
                code: "job-in-progress",
                ..
            }) => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Whether a backup is due. A last one in the future tells of a clock that was
/// set back: then one is, too.
fn is_due(last: i64, now: i64, interval: u64) -> bool {
    let seconds = i64::try_from(interval / 1000).unwrap_or(i64::MAX);
    now < last || now - last >= seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_due_after_its_interval_whatever_the_clock_does() {
        assert!(!is_due(1000, 1059, 60_000));
        assert!(is_due(1000, 1060, 60_000));
        assert!(is_due(1000, 999, 60_000));
        assert!(is_due(1000, 1000 + 86_400, 60_000));
        assert!(!is_due(0, 1000, u64::MAX));
    }
}
