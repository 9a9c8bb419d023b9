//! Brings clusters about: each host that is to share the group's state is told
//! where that is, and each that is to share it no more, that it is over. All of it
//! may be said twice.

use std::time::Duration;

use muster_api::{hosts::HostState, id::HostId, jobs::Progress, problem::Problem};
use muster_store::{ClusterRecord, JobRecord};
use tokio_util::sync::CancellationToken;

use super::{Clusters, Reshaping, called, unfinished};
use crate::{
    control::{
        error::ControlError,
        jobs::{self, problem},
    },
    peers::{sharing::Share, state::Neighbour},
};

/// How often it is looked whether there is something to do, and tried again what
/// could not be done.
const LOOK_AROUND: Duration = Duration::from_secs(5);
/// How often it is looked how far an upgrade is.
const MOMENT: Duration = Duration::from_millis(500);
/// The kind of jobs that are upgrades.
const UPGRADE: &str = "cluster-upgrade";
/// How long a host may be away that has to be told something, in rounds.
const ROUNDS: u64 = 24;

/// For how long after it was asked for a host is waited for that is to lead.
const HEIR: Duration = Duration::from_secs(60);

/// How far a round came.
enum Formed {
    /// What could not be done yet, a line each; all is done if there is none.
    Here(Vec<String>),
    /// Another host leads by now, and goes on with it.
    PassedOn,
}

impl Clusters {
    /// Tells the group at the beginning who may lead, and works through jobs until
    /// stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut revisions = self.store.revisions();
        let mut rounds = 0;
        loop {
            revisions.mark_unchanged();
            let wait = match self.round(&mut rounds).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "clusters could not be looked after; it is tried again");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                _ = revisions.changed(), if rounds == 0 => {}
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Who may lead, as the state has it.
    pub(crate) async fn note(&self) -> Result<(), ControlError> {
        let all = self.store.cluster_all().await?;
        let control = all.into_iter().next().map(|cluster| cluster.control_plane);
        self.links.note_control_plane(control.unwrap_or_default());
        Ok(())
    }

    /// Does what is next, and says how long to wait after that.
    async fn round(&self, rounds: &mut u64) -> Result<Duration, ControlError> {
        let jobs = unfinished(self.store.job_list_unfinished().await?);
        let Some(job) = jobs.into_iter().next() else {
            *rounds = 0;
            self.forget_upgrade().await?;
            return Ok(LOOK_AROUND);
        };
        *rounds += 1;
        if job.kind == UPGRADE {
            if let Some(outcome) = self.upgrade_on(&job).await? {
                self.end(&job, outcome).await?;
                *rounds = 0;
            }
            return Ok(MOMENT);
        }
        let last = *rounds >= ROUNDS;
        match self.form(&job).await {
            Ok(Formed::PassedOn) => return Ok(LOOK_AROUND),
            Ok(Formed::Here(left)) if left.is_empty() => self.end(&job, Ok(())).await?,
            Ok(Formed::Here(left)) if last => {
                let why = left.join("; ");
                let remedy = "see how the hosts are with `muster link list`, and ask again; what was done stays".to_owned();
                let title = "Not all hosts could be told";
                self.end(
                    &job,
                    Err(problem("cluster-incomplete", title, why, Some(remedy))),
                )
                .await?;
            }
            Ok(Formed::Here(left)) => {
                let lines = if *rounds == 1 { left } else { Vec::new() };
                self.tell(&job, "waiting for hosts", lines).await?;
                return Ok(LOOK_AROUND);
            }
            Err(error) => {
                let failed = problem(
                    "cluster-failed",
                    "It could not be done",
                    error.to_string(),
                    None,
                );
                self.end(&job, Err(failed)).await?;
            }
        }
        *rounds = 0;
        Ok(LOOK_AROUND)
    }

    /// Tells hosts what they are to be.
    async fn form(&self, job: &JobRecord) -> Result<Formed, ControlError> {
        let input: Reshaping = serde_json::from_value(job.input.clone())
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let of = |cluster: &Option<ClusterRecord>| {
            let control = cluster.as_ref().map(|it| it.control_plane.clone());
            control.unwrap_or_default()
        };
        let (before, after) = (of(&input.before), of(&input.after));
        let myself = self.links.id();
        if after.len() > 1 {
            self.links.become_member().await?;
        }
        let members = self.links.neighbours().await?;
        if self.passed_on(job, input.heir).await? {
            return Ok(Formed::PassedOn);
        }
        // Whoever shares it may lead at once: members hear of it before, if they can.
        if self.links.control_plane() != after {
            let gone = before.iter().filter(|id| !after.contains(id));
            let both = after.iter().chain(gone).copied().collect();
            self.links.note_control_plane(both);
        }
        let total = u64::try_from(before.len() + after.len()).unwrap_or(0);
        let (mut left, mut done) = (Vec::new(), 0);
        let share = match after.len() > 1 {
            true => self.leadership.share_with_others(),
            false => None,
        };
        for id in after.iter().filter(|id| **id != myself) {
            let told = match &share {
                Some(share) => self.told(&members, *id, Some(share.clone())).await,
                None => Err("the group's state is not shared".to_owned()),
            };
            self.count(job, &mut done, total, told, &mut left).await?;
        }
        // Whoever shares it knows of the others before one of them goes.
        if left.is_empty() {
            self.links.note_control_plane(after.clone());
        }
        let gone = before
            .iter()
            .filter(|id| **id != myself && !after.contains(id));
        for id in gone {
            let told = match members.iter().any(|host| host.id == *id) {
                true => self.told(&members, *id, None).await,
                false => Ok(()),
            };
            self.count(job, &mut done, total, told, &mut left).await?;
        }
        if left.is_empty() && input.after.is_none() {
            let name = job.subject.clone();
            self.store
                .write(move |tx| Box::pin(async move { tx.cluster_delete(&name).await }))
                .await?;
        }
        Ok(Formed::Here(left))
    }

    /// Whether another host goes on with a job, as it is to lead.
    async fn passed_on(&self, job: &JobRecord, heir: Option<HostId>) -> Result<bool, ControlError> {
        let Some(heir) = heir.filter(|heir| *heir != self.links.id()) else {
            return Ok(false);
        };
        let waited = muster_store::now() - job.created_at;
        let hosts = self.links.all().await?;
        let host = hosts.iter().find(|host| host.id == heir);
        let there = host.filter(|host| host.state != HostState::Unreachable);
        let Some(host) = there.filter(|_| waited < HEIR) else {
            let line = format!(
                "{} cannot lead; the host that leads goes on",
                called(&heir, &hosts)
            );
            if !job.log.contains(&line) {
                self.tell(job, "telling hosts", vec![line]).await?;
            }
            return Ok(false);
        };
        let line = format!("{} leads from now on", host.name);
        self.tell(job, "handing over", vec![line]).await?;
        self.leadership.pass(heir).await?;
        Ok(true)
    }

    async fn count(
        &self,
        job: &JobRecord,
        done: &mut u64,
        total: u64,
        told: Result<(), String>,
        left: &mut Vec<String>,
    ) -> Result<(), ControlError> {
        match told {
            Ok(()) => *done += 1,
            Err(why) => left.push(why),
        }
        let (id, done) = (job.id, *done);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.job_start(id, muster_store::now()).await?;
                    jobs::advance(tx, id, Progress { done, total }).await
                })
            })
            .await?;
        Ok(())
    }

    async fn told(
        &self,
        members: &[Neighbour],
        id: HostId,
        share: Option<Share>,
    ) -> Result<(), String> {
        let host = members.iter().find(|host| host.id == id);
        let host = host.ok_or_else(|| format!("the host {id} is in the group no more"))?;
        let told = self.links.tell_share(host, share).await;
        told.map_err(|why| format!("{}: {why}", host.name))
    }

    async fn tell(
        &self,
        job: &JobRecord,
        step: &'static str,
        lines: Vec<String>,
    ) -> Result<(), ControlError> {
        if job.step == step && lines.is_empty() {
            return Ok(());
        }
        let id = job.id;
        self.store
            .write(move |tx| Box::pin(async move { jobs::tell(tx, id, step, &lines).await }))
            .await?;
        Ok(())
    }

    async fn end(&self, job: &JobRecord, outcome: Result<(), Problem>) -> Result<(), ControlError> {
        let (id, last) = (
            job.id,
            match &outcome {
                Ok(()) => "done".to_owned(),
                Err(problem) => problem.detail.clone(),
            },
        );
        self.store
            .write(move |tx| Box::pin(async move { jobs::end(tx, id, outcome, &last).await }))
            .await?;
        Ok(())
    }
}
