//! The configuration of a group: a leader's sections count on every host that
//! follows it, and the host's own again once it follows nobody.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{Config, ControlError, Heeded, Kind, SECTIONS, load};
use crate::{
    control::linking::{Links, Part},
    peers::state::GroupSettings,
};

/// How long to wait before what has failed is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl Config {
    /// Keeps what counts in step with the group, until stopped.
    pub(crate) async fn keep_in_step(self, links: Links, stop: CancellationToken) {
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            let group = links.changed();
            tokio::pin!(group);
            group.as_mut().enable();
            let stepped = self.step(&links).await;
            let again = stepped.is_err();
            if let Err(error) = stepped {
                tracing::error!(%error, "the group's settings cannot be put in force; those from before count, and it is tried again");
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN), if again => {}
                () = group => {}
                _ = changes.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Heeds what the leader has told, or tells followers what counts here.
    pub(crate) async fn step(&self, links: &Links) -> Result<(), ControlError> {
        let Part::Follows(followed) = links.part().await? else {
            self.heed(None).await?;
            links.note_settings(None);
            links.publish_settings(&Arc::new(self.of_group()));
            return Ok(());
        };
        // Nothing was told yet.
        if followed.digest.is_empty() {
            return Ok(());
        }
        let settings = Arc::clone(&followed.settings);
        let digest = settings.digest();
        let leader = links.leader_name().unwrap_or_default();
        let all = self.heed(Some(Heeded { leader, settings })).await?;
        if all {
            links.note_settings(Some(digest));
        }
        Ok(())
    }

    /// The leader of a section, if it is not this host's to settle.
    pub(super) fn leader_of(&self, kind: &Kind) -> Option<String> {
        let heeded = self.heeded.load();
        let heeded = heeded.as_ref().filter(|_| kind.of_group)?;
        Some(heeded.leader.clone())
    }

    /// What counts in the whole group.
    fn of_group(&self) -> GroupSettings {
        let values = self.values.load();
        let shared = SECTIONS.iter().filter(|kind| kind.of_group);
        let set = shared.filter_map(|kind| {
            let value = values.get(kind.name)?;
            Some((kind.name.to_owned(), value.clone()))
        });
        GroupSettings(set.collect())
    }

    /// Has what a leader says count. Whether this host can do all of it.
    async fn heed(&self, heeded: Option<Heeded>) -> Result<bool, ControlError> {
        if self.heeded.load().as_deref() != heeded.as_ref() {
            let before = self.heeded.swap(heeded.map(Arc::new));
            if let Err(error) = self.settle().await {
                // It is tried again.
                self.heeded.store(before);
                return Err(error);
            }
        }
        let values = self.values.load();
        Ok(self.heeded.load().as_ref().is_none_or(|heeded| {
            let sections = &heeded.settings.0;
            sections
                .keys()
                .all(|name| values.contains_key(name.as_str()))
        }))
    }

    /// Puts together what counts: what is kept here, and what a leader says.
    pub(super) async fn settle(&self) -> Result<(), ControlError> {
        let _settling = self.settling.lock().await;
        let mut values = load(&self.store, &self.sealer).await?;
        if let Some(heeded) = self.heeded.load().as_ref() {
            for kind in SECTIONS.iter().filter(|kind| kind.of_group) {
                values.remove(kind.name);
                let told = heeded.settings.0.get(kind.name).cloned();
                match told.map(|told| (kind.accept)(told, None)).transpose() {
                    Ok(Some(accepted)) => {
                        values.insert(kind.name, accepted);
                    }
                    Ok(None) => {}
                    // A leader of another version may settle what this one cannot.
                    Err(error) => {
                        tracing::error!(section = kind.name, %error, "a section that the leader has set cannot count here; its defaults do");
                    }
                }
            }
        }
        self.values.store(Arc::new(values));
        self.changes.send_replace(());
        Ok(())
    }
}
