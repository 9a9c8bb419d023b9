//! What happens on a follower while its leader is away: noted, kept over a start of
//! its own, and told when the leader is back, which writes it down.

use std::collections::VecDeque;

use muster_api::id::AppId;
use muster_peering::membership::presence::UNREACHABLE_AFTER;
use serde_json::json;

use super::{ControlError, Links, leading::change, own};
use crate::{
    control::record::{Actor, Change, record},
    peers::words::{Happening, Say},
};

/// The most that is noted; of more, the newest.
const MOST: usize = 200;

/// What the leader has not been told yet.
#[derive(Debug, Default)]
pub(super) struct Meanwhile {
    list: VecDeque<Happening>,
    /// How many of them, the last ones, are not in the store yet.
    unkept: usize,
    /// Whether any of them is in the store.
    kept: bool,
}

impl Meanwhile {
    pub(super) fn recalled(list: Vec<Happening>) -> Self {
        Self {
            kept: !list.is_empty(),
            list: list.into(),
            unkept: 0,
        }
    }

    fn note(&mut self, happening: Happening) {
        if self.list.len() >= MOST {
            self.list.pop_front();
        }
        self.list.push_back(happening);
        self.unkept = (self.unkept + 1).min(MOST);
    }

    /// What a leader is to be told that is asked at this moment: nothing as long
    /// as it hears of each instance in time anyhow.
    fn report(&self, now: time::OffsetDateTime) -> Vec<Happening> {
        let away = |it: &Happening| (now - it.at).unsigned_abs() >= UNREACHABLE_AFTER;
        match self.list.front() {
            Some(first) if away(first) => self.list.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

impl Links {
    /// Something has happened to an instance of an app.
    pub(crate) fn happened(&self, app: AppId, what: &str) {
        let mut memory = self.memory();
        if memory.leader().is_none() {
            return;
        }
        let name = memory.followed.state.apps.iter().find(|it| it.id == app);
        let happening = Happening {
            at: muster_store::now(),
            app: name.map_or_else(|| app.to_string(), |app| app.name.clone()),
            what: what.to_owned(),
        };
        memory.meanwhile.note(happening);
    }

    /// What the leader is to be told with the next hello, and how much of it all
    /// it knows then.
    pub(super) fn meanwhile(&self) -> (Vec<Happening>, usize) {
        let memory = self.memory();
        let report = memory.meanwhile.report(muster_store::now());
        (report, memory.meanwhile.list.len())
    }

    /// The leader knows the first so many, of which it was `told`, or which it has seen
    /// itself: unless it took so long to answer that it has not.
    pub(super) async fn told_meanwhile(
        &self,
        count: usize,
        told: bool,
    ) -> Result<(), ControlError> {
        let kept = {
            let mut memory = self.memory();
            let known = &mut memory.meanwhile;
            if !told && !known.report(muster_store::now()).is_empty() {
                return Ok(());
            }
            let count = count.min(known.list.len());
            known.list.drain(..count);
            known.unkept = known.list.len();
            std::mem::take(&mut known.kept)
        };
        if kept {
            self.save_meanwhile(Vec::new()).await?;
        }
        Ok(())
    }

    /// Keeps what the leader could not be told.
    pub(super) async fn keep_meanwhile(&self) -> Result<(), ControlError> {
        let list = {
            let mut memory = self.memory();
            let known = &mut memory.meanwhile;
            if std::mem::take(&mut known.unkept) == 0 {
                return Ok(());
            }
            known.kept = true;
            known.list.iter().cloned().collect()
        };
        self.save_meanwhile(list).await
    }

    async fn save_meanwhile(&self, list: Vec<Happening>) -> Result<(), ControlError> {
        self.0
            .own
            .write(move |tx| Box::pin(async move { own::save_meanwhile(tx, &list).await }))
            .await?;
        Ok(())
    }

    /// On the leader: a host tells what has happened there while it was not heard.
    pub(super) async fn reported(&self, say: &Say) -> Result<(), ControlError> {
        for it in &say.meanwhile {
            tracing::info!(host = say.name, app = it.app, at = %it.at, what = it.what, "happened meanwhile");
        }
        let (name, happened) = (say.name.clone(), json!({ "happened": say.meanwhile }));
        self.state()
            .write(move |tx| {
                Box::pin(async move {
                    let change = Change {
                        after: Some(happened),
                        ..change("host", &name, "report", muster_store::ChangeKind::Updated)
                    };
                    record(tx, &Actor::host(name.clone()), change).await
                })
            })
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn happening(at: time::OffsetDateTime) -> Happening {
        Happening {
            at,
            app: "shop".to_owned(),
            what: "instance 0/1 crashed".to_owned(),
        }
    }

    #[test]
    fn only_an_absence_is_worth_a_report_and_then_all_of_it() {
        let (now, mut meanwhile) = (muster_store::now(), Meanwhile::default());
        meanwhile.note(happening(now));
        assert!(meanwhile.report(now + Duration::from_secs(2)).is_empty());
        let later = now + UNREACHABLE_AFTER;
        meanwhile.note(happening(later));
        assert_eq!(meanwhile.report(later).len(), 2);
        for _ in 0..MOST {
            meanwhile.note(happening(later));
        }
        assert_eq!(meanwhile.list.len(), MOST);
        assert_eq!(meanwhile.list[0].at, later, "the newest are kept");
    }
}
