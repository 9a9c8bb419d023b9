//! Which push is staged next, and by which host.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use muster_api::id::{HostId, JobId};
use muster_store::JobRecord;
use tokio::task::{Id, JoinSet};

use super::{ControlError, Staging, jobs};
use crate::{
    control::linking::{Member, Part},
    peers::state::Neighbour,
};

/// How long a host gets nothing to stage after it did not answer.
const REST: Duration = Duration::from_secs(15);

/// How many times a push is tried, each time by another host if there is one.
const ATTEMPTS: u32 = 3;

/// A host with a stager.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// This one.
    Here,
    /// A follower.
    There(Neighbour),
}

impl Place {
    fn host(&self) -> Option<HostId> {
        match self {
            Self::Here => None,
            Self::There(host) => Some(host.id),
        }
    }
}

/// The pushes that are being staged.
#[derive(Default)]
pub(super) struct Queue {
    tasks: JoinSet<bool>,
    at_work: HashMap<Id, Working>,
    /// Hosts that did not answer, and when that was.
    resting: HashMap<HostId, Instant>,
    /// How often a push was not staged because of a host.
    failed: HashMap<JobId, u32>,
}

struct Working {
    job: JobId,
    subject: String,
    host: Option<HostId>,
}

impl Queue {
    /// Has a push staged.
    pub(super) fn begin(&mut self, staging: &Arc<Staging>, job: JobRecord, place: Place) {
        let working = Working {
            job: job.id,
            subject: job.subject.clone(),
            host: place.host(),
        };
        let staging = Arc::clone(staging);
        let failed = self.failed.get(&job.id).copied().unwrap_or_default();
        let is_last = failed + 1 >= ATTEMPTS;
        let task = self
            .tasks
            .spawn(async move { staging.work(&job, &place, is_last).await });
        self.at_work.insert(task.id(), working);
    }

    /// Resolves when a push is staged, or will not be by that host; never while
    /// none is.
    pub(super) async fn ended(&mut self) {
        let (id, answered) = match self.tasks.join_next_with_id().await {
            Some(Ok(ended)) => ended,
            // It stays unfinished and is tried again.
            Some(Err(error)) => (error.id(), true),
            None => return std::future::pending().await,
        };
        let Some(ended) = self.at_work.remove(&id) else {
            return;
        };
        if answered {
            self.failed.remove(&ended.job);
        } else {
            *self.failed.entry(ended.job).or_default() += 1;
            self.resting
                .extend(ended.host.map(|host| (host, Instant::now())));
        }
    }

    /// Waits for what is being staged.
    pub(super) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    fn is_idle(&self, host: Option<HostId>) -> bool {
        let rests = host.and_then(|host| self.resting.get(&host));
        rests.is_none_or(|since| since.elapsed() >= REST)
            && !self.at_work.values().any(|it| it.host == host)
    }
}

impl Staging {
    /// The oldest push that waits, and an idle stager for it. An app's pushes are
    /// staged one after the other.
    pub(super) async fn next(
        &self,
        queue: &Queue,
    ) -> Result<Option<(JobRecord, Place)>, ControlError> {
        let waits = |job: &JobRecord| {
            job.kind == "push"
                && jobs::release_of(job).is_none()
                && !queue
                    .at_work
                    .values()
                    .any(|it| it.job == job.id || it.subject == job.subject)
        };
        let unfinished = self.store.job_list_unfinished().await?;
        let Some(job) = unfinished.into_iter().find(waits) else {
            return Ok(None);
        };
        let places = self.places().await?;
        let idle = places.into_iter().find(|it| queue.is_idle(it.host()));
        Ok(idle.map(|place| (job, place)))
    }

    /// The hosts with a stager, this one first: it has the packages. Those that are
    /// drained have none but as a last resort, and one that is lost is waited for.
    /// Where there is no stager at all, this host says so.
    async fn places(&self) -> Result<Vec<Place>, ControlError> {
        let mut places = Vec::new();
        if self.workshop.roles.has_stager() {
            places.push(Place::Here);
        }
        if let Part::Leads(members) = self.links.part().await? {
            let draining = self.links.draining().await?;
            let plays = |it: &Member| it.about.roles.iter().any(|role| role == "stager");
            let (there, lost): (Vec<_>, Vec<_>) =
                members.into_iter().filter(plays).partition(|it| !it.lost);
            let (drained, others): (Vec<_>, Vec<_>) = there
                .into_iter()
                .partition(|it| draining.contains(&it.neighbour.id));
            let last_resort = places.is_empty() && others.is_empty();
            let some = if last_resort { drained } else { others };
            places.extend(some.into_iter().map(|it| Place::There(it.neighbour)));
            if places.is_empty() && !lost.is_empty() {
                return Ok(places);
            }
        }
        if places.is_empty() {
            places.push(Place::Here);
        }
        Ok(places)
    }
}
