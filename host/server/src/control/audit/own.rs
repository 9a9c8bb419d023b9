//! What a host notes in its own file while it works on a shared state, such as a
//! change of its roles, belongs in the group's log: it is carried over there, each
//! entry once, also after a crash in between.

use std::sync::Arc;

use muster_api::{
    audit::{AuditFilter, AuditHead},
    id::HostId,
};
use muster_store::{Store, StoreError};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::ROUND;

/// What begins the name of the setting that says how far a host's entries are
/// carried over.
const SETTING: &str = "audit.own.";

/// The entries of a host's own log.
#[derive(Debug, Clone)]
pub(crate) struct OwnEntries {
    own: Store,
    shared: Store,
    host: HostId,
    /// One carries over at a time.
    turn: Arc<Mutex<()>>,
}

impl OwnEntries {
    pub(crate) fn new(own: Store, shared: Store, host: HostId) -> Self {
        Self {
            own,
            shared,
            host,
            turn: Arc::default(),
        }
    }

    /// All that are there now are in the group's log already.
    ///
    /// # Errors
    /// If a database could not be used.
    pub(crate) async fn are_known(&self) -> Result<(), StoreError> {
        let (host, head) = (self.host, self.own.audit_head().await?);
        self.shared
            .write(move |tx| Box::pin(async move { tx.setting_put(&setting(host), &head).await }))
            .await
    }

    /// Carries over what is new.
    ///
    /// # Errors
    /// If a database could not be used. What was carried over by then is.
    pub(super) async fn carry_over(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let all = AuditFilter::default();
        let mut last = self.carried().await?;
        while self.own.audit_head().await?.number > last {
            let part = self.own.audit_after(&all, last, ROUND).await?;
            let Some(end) = part.last() else {
                return Ok(());
            };
            let head = AuditHead {
                number: end.number,
                hash: end.hash.clone(),
            };
            let host = self.host;
            last = end.number;
            self.shared
                .write(move |tx| {
                    Box::pin(async move {
                        for record in &part {
                            tx.audit_append(&record.entry).await?;
                        }
                        tx.setting_put(&setting(host), &head).await
                    })
                })
                .await?;
        }
        Ok(())
    }

    /// The last entry that was carried over. A log that has begun anew has none.
    async fn carried(&self) -> Result<u64, StoreError> {
        let known = self
            .shared
            .setting_get::<AuditHead>(&setting(self.host))
            .await?;
        let Some(known) = known.filter(|known| known.number > 0) else {
            return Ok(0);
        };
        let all = AuditFilter::default();
        let there = self.own.audit_after(&all, known.number - 1, 1).await?;
        let there = there.first().filter(|it| it.number == known.number);
        let same = match there {
            Some(entry) => entry.hash == known.hash,
            // It was removed for its age.
            None => self.own.audit_head().await?.number >= known.number,
        };
        Ok(if same { known.number } else { 0 })
    }

    /// Carries over what comes, until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut news = self.own.revisions();
        loop {
            news.mark_unchanged();
            if let Err(error) = self.carry_over().await {
                tracing::warn!(%error, "entries of this host's own audit log could not be carried over");
            }
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    }
}

fn setting(host: HostId) -> String {
    format!("{SETTING}{host}")
}

#[cfg(test)]
mod tests {
    use muster_store::Tx;
    use uuid::Uuid;

    use super::*;
    use crate::control::{
        record::{Actor, Change, record},
        testing::store_with,
    };

    async fn note(tx: &Tx, name: &str) -> Result<(), StoreError> {
        let change = Change {
            resource: "role",
            id: name.to_owned(),
            project: None,
            name,
            verb: "add",
            kind: muster_store::ChangeKind::Created,
            before: None,
            after: None,
        };
        record(tx, &Actor::host("ada"), change).await
    }

    async fn noted(store: &Store, name: &'static str) {
        let written = store.write(move |tx| Box::pin(async move { note(tx, name).await }));
        written.await.unwrap();
    }

    async fn subjects(store: &Store) -> Vec<String> {
        let all = AuditFilter::default();
        let entries = store.audit_after(&all, 0, ROUND).await.unwrap();
        entries
            .into_iter()
            .map(|record| record.entry.subject)
            .collect()
    }

    #[tokio::test]
    async fn each_entry_is_carried_over_once() {
        let ((own, _one), (shared, _other)) = (store_with(&[]).await, store_with(&[]).await);
        let host = HostId(Uuid::now_v7());
        let entries = OwnEntries::new(own.clone(), shared.clone(), host);
        noted(&own, "before").await;
        entries.are_known().await.unwrap();
        entries.carry_over().await.unwrap();
        assert_eq!(subjects(&shared).await, [""; 0], "it is there already");

        noted(&own, "router").await;
        noted(&shared, "shop").await;
        entries.carry_over().await.unwrap();
        entries.carry_over().await.unwrap();
        assert_eq!(subjects(&shared).await, ["shop", "router"]);

        // Another process goes on where this one ended.
        noted(&own, "dea").await;
        let again = OwnEntries::new(own, shared.clone(), host);
        again.carry_over().await.unwrap();
        assert_eq!(subjects(&shared).await, ["shop", "router", "dea"]);
        assert!(shared.audit_verify(None).await.unwrap().whole);
    }

    #[tokio::test]
    async fn a_log_that_has_begun_anew_is_carried_over_from_its_beginning() {
        let ((first, _one), (shared, _other)) = (store_with(&[]).await, store_with(&[]).await);
        let host = HostId(Uuid::now_v7());
        noted(&first, "old").await;
        noted(&first, "older").await;
        let entries = OwnEntries::new(first, shared.clone(), host);
        entries.carry_over().await.unwrap();
        let (fresh, _dir) = store_with(&[]).await;
        noted(&fresh, "new").await;
        noted(&fresh, "newer").await;
        let entries = OwnEntries::new(fresh, shared.clone(), host);
        entries.carry_over().await.unwrap();
        assert_eq!(subjects(&shared).await, ["old", "older", "new", "newer"]);
    }
}
