//! Clusters: hosts of a group that run apps together, and which of them share the
//! group's state. What a cluster is to be is written down at once, with a job that
//! brings it about ([`forming`]); a crash in its middle leaves a job that begins
//! anew.

mod forming;
mod upgrade;
mod upgrading;

use std::collections::HashSet;

use muster_api::{
    clusters::{Cluster, ClusterHost, NewCluster, ScaleCluster},
    hosts::LinkedHost,
    id::{HostId, JobId},
    jobs::{Job, JobState},
    name,
    page::{Page, PageQuery},
    plan::Plan,
};
use muster_blocks::Blocks;
use muster_store::{ChangeKind, ClusterRecord, JobRecord, Store, StoreError, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    error::ControlError,
    leadership::Leadership,
    linking::{Links, one_called},
    record::{Actor, Change, record, value},
    terms::{Outcome, Terms},
    views::{job_view, page_of},
};

/// What begins the names of the jobs that bring clusters about.
const KIND: &str = "cluster-";

/// The clusters of the group.
#[derive(Clone)]
pub(crate) struct Clusters {
    pub(crate) store: Store,
    pub(crate) blocks: Blocks,
    pub(crate) links: Links,
    pub(crate) leadership: Leadership,
}

impl Clusters {
    /// One page of clusters, by name.
    pub(crate) async fn list(&self, query: &PageQuery) -> Result<Page<Cluster>, ControlError> {
        let hosts = self.links.all().await?;
        let all = self.store.cluster_all().await?;
        let all = all.into_iter().map(|cluster| self.view(cluster, &hosts));
        page_of(all.collect(), query)
    }

    /// A cluster.
    pub(crate) async fn show(&self, name: &str) -> Result<(ClusterRecord, Cluster), ControlError> {
        let found = self.store.cluster_get(name).await?;
        let found = found.ok_or_else(|| ControlError::not_found("cluster", name))?;
        let shown = self.view(found.clone(), &self.links.all().await?);
        Ok((found, shown))
    }

    /// Makes a cluster of linked hosts.
    pub(crate) async fn create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: NewCluster,
    ) -> Result<Outcome<Job>, ControlError> {
        name::check(&new.name).map_err(|why| ControlError::invalid("name", why))?;
        let hosts = self.hosts().await?;
        let cluster = ClusterRecord {
            control_plane: named("control_plane", &new.control_plane, &hosts)?,
            workers: named("workers", &new.workers, &hosts)?,
            name: new.name,
            created_at: muster_store::now(),
        };
        self.check(&cluster, &hosts)?;
        if let Some(other) = self.store.cluster_all().await?.first() {
            return Err(ControlError::Conflict {
                code: "cluster-exists",
                message: format!("there already is the cluster '{}'", other.name),
                remedy: "change it with `muster cluster scale`, or delete it first".to_owned(),
            });
        }
        let change = Reshaping {
            verb: "create",
            before: None,
            after: Some(cluster),
            heir: None,
        };
        self.begin(actor, terms, change, &hosts).await
    }

    /// Has a cluster made of other hosts.
    pub(crate) async fn scale(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        scale: ScaleCluster,
    ) -> Result<Outcome<Job>, ControlError> {
        let (before, _) = self.show(name).await?;
        terms.check(Some(&before))?;
        let hosts = self.hosts().await?;
        let chosen = |field, chosen: Option<Vec<String>>, before: &[HostId]| match chosen {
            Some(names) => named(field, &names, &hosts),
            None => Ok(before.to_vec()),
        };
        let after = ClusterRecord {
            control_plane: chosen("control_plane", scale.control_plane, &before.control_plane)?,
            workers: chosen("workers", scale.workers, &before.workers)?,
            ..before.clone()
        };
        self.check(&after, &hosts)?;
        let change = Reshaping {
            verb: "scale",
            before: Some(before),
            after: Some(after),
            heir: None,
        };
        self.begin(actor, terms, change, &hosts).await
    }

    /// Takes a cluster apart. Its hosts stay linked, and `heir` leads from then on if
    /// it shares the state: it is the host that was asked, if that is not this one.
    pub(crate) async fn delete(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        heir: Option<HostId>,
    ) -> Result<Outcome<Job>, ControlError> {
        let (before, _) = self.show(name).await?;
        terms.check(Some(&before))?;
        let hosts = self.hosts().await?;
        let heir = heir.filter(|heir| before.control_plane.contains(heir));
        let change = Reshaping {
            verb: "delete",
            before: Some(before),
            after: None,
            heir,
        };
        self.begin(actor, terms, change, &hosts).await
    }

    /// The group's hosts, of which there must be some.
    async fn hosts(&self) -> Result<Vec<LinkedHost>, ControlError> {
        self.links.decides()?;
        let hosts = self.links.all().await?;
        if hosts.is_empty() {
            return Err(ControlError::Conflict {
                code: "not-linked",
                message: "this host is linked with no other".to_owned(),
                remedy: "link hosts first; see: muster link token".to_owned(),
            });
        }
        Ok(hosts)
    }

    fn check(&self, cluster: &ClusterRecord, hosts: &[LinkedHost]) -> Result<(), ControlError> {
        let control: HashSet<_> = cluster.control_plane.iter().collect();
        if let Some(both) = cluster.workers.iter().find(|id| control.contains(id)) {
            let message = format!("{} is a control-plane host already", called(both, hosts));
            return Err(ControlError::invalid("workers", message));
        }
        let leader = self.links.id();
        if !control.contains(&leader) {
            let message = format!(
                "{} leads at the moment, and has to be among them",
                called(&leader, hosts)
            );
            return Err(ControlError::invalid("control_plane", message));
        }
        if control.len() > 1 && !self.leadership.is_shared() {
            return Err(ControlError::Conflict {
                code: "state-not-shared",
                message: "the group's state lies in a file of this host, which others cannot share"
                    .to_owned(),
                remedy: "carry it over to PostgreSQL first: muster state move --to URL".to_owned(),
            });
        }
        Ok(())
    }

    async fn begin(
        &self,
        actor: &Actor,
        terms: &Terms,
        change: Reshaping,
        hosts: &[LinkedHost],
    ) -> Result<Outcome<Job>, ControlError> {
        let plan = compare(&change, hosts);
        let input = value(&change);
        let Reshaping {
            verb,
            before,
            after,
            ..
        } = change;
        let one = after.as_ref().or(before.as_ref());
        let name = one.map(|cluster| cluster.name.clone()).unwrap_or_default();
        let job = queued(verb, &name, &input, &plan)?;
        let (actor, kept) = (actor.clone(), job.clone());
        self.store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    alone_at_work(tx).await?;
                    if tx.cluster_get(&name).await? != before {
                        return Err(ControlError::Outdated { version: None });
                    }
                    if let Some(after) = &after {
                        tx.cluster_put(after).await?;
                    }
                    tx.job_insert(&kept).await?;
                    tx.change_append("job", kept.id, ChangeKind::Created, None)
                        .await?;
                    let change = Change {
                        resource: "cluster",
                        project: None,
                        id: name.clone(),
                        name: &name,
                        verb,
                        kind: match (&before, &after) {
                            (None, _) => ChangeKind::Created,
                            (_, None) => ChangeKind::Deleted,
                            _ => ChangeKind::Updated,
                        },
                        before: before.as_ref().and_then(value),
                        after: after.as_ref().and_then(value),
                    };
                    record(tx, &actor, change).await?;
                    Ok::<_, ControlError>(())
                })
            })
            .await?;
        Ok(terms.outcome(job_view(job), plan))
    }

    fn view(&self, cluster: ClusterRecord, hosts: &[LinkedHost]) -> Cluster {
        let leader = self.links.id();
        let host = |id: &HostId| {
            let known = hosts.iter().find(|host| host.id == *id);
            ClusterHost {
                id: *id,
                name: called(id, hosts),
                leads: *id == leader,
                state: known.map(|host| host.state),
                version: known.map(|host| host.about.version.clone()),
            }
        };
        Cluster {
            control_plane: cluster.control_plane.iter().map(host).collect(),
            workers: cluster.workers.iter().map(host).collect(),
            name: cluster.name,
            created_at: cluster.created_at,
        }
    }
}

/// What is to become of a cluster: the input of the job that brings it about.
#[derive(Serialize, Deserialize)]
struct Reshaping {
    #[serde(skip)]
    verb: &'static str,
    before: Option<ClusterRecord>,
    after: Option<ClusterRecord>,
    /// The host that is to lead when the cluster is gone, if it does not yet.
    #[serde(default)]
    heir: Option<HostId>,
}

/// A job that waits for its turn.
fn queued(
    verb: &str,
    cluster: &str,
    input: &impl Serialize,
    plan: &Plan,
) -> Result<JobRecord, ControlError> {
    let input = serde_json::to_value(input);
    Ok(JobRecord {
        id: JobId(Uuid::now_v7()),
        kind: format!("{KIND}{verb}"),
        subject: cluster.to_owned(),
        app: None,
        project: None,
        state: JobState::Queued,
        step: "waiting".to_owned(),
        progress: None,
        input: input.map_err(|error| ControlError::Internal(error.to_string()))?,
        log: plan.changes.clone(),
        problem: None,
        created_at: muster_store::now(),
        started_at: None,
        ended_at: None,
    })
}

/// Two changes of what hosts are to be at the same time come to nothing good.
async fn alone_at_work(tx: &Tx) -> Result<(), ControlError> {
    match unfinished(tx.job_list_unfinished().await?).first() {
        None => Ok(()),
        Some(job) => Err(ControlError::Conflict {
            code: "busy",
            message: format!("the cluster {} is being changed", job.subject),
            remedy: format!(
                "wait for it, or cancel it: muster job show {}; muster job cancel {}",
                job.id, job.id
            ),
        }),
    }
}

/// Those of the jobs that bring a cluster about.
fn unfinished(mut jobs: Vec<JobRecord>) -> Vec<JobRecord> {
    jobs.retain(|job| job.kind.starts_with(KIND));
    jobs
}

/// The hosts of those names or ids, each once.
fn named(field: &str, names: &[String], hosts: &[LinkedHost]) -> Result<Vec<HostId>, ControlError> {
    let mut found = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let host = one_called(name, hosts, |host| (host.name.as_str(), host.id));
        let host = host.map_err(|error| {
            ControlError::invalid(format!("{field}[{place}]"), error.to_string())
        })?;
        if found.contains(&host.id) {
            let message = format!("{name} is named twice");
            return Err(ControlError::invalid(format!("{field}[{place}]"), message));
        }
        found.push(host.id);
    }
    Ok(found)
}

fn called(id: &HostId, hosts: &[LinkedHost]) -> String {
    let host = hosts.iter().find(|host| host.id == *id);
    host.map_or_else(|| id.to_string(), |host| host.name.clone())
}

/// What becomes of which host.
fn compare(change: &Reshaping, hosts: &[LinkedHost]) -> Plan {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let of = |cluster: Option<&ClusterRecord>| {
        cluster.map_or_else(Default::default, |it| {
            (it.control_plane.clone(), it.workers.clone())
        })
    };
    let ((control, workers), (next_control, next_workers)) = (of(before), of(after));
    let mut plan = Plan::default();
    for id in &next_control {
        let name = called(id, hosts);
        if !control.contains(id) {
            plan.changes.push(format!(
                "{name} shares the group's state, issues link tokens and may lead"
            ));
        }
    }
    for id in &next_workers {
        if !workers.contains(id) {
            let name = called(id, hosts);
            plan.changes.push(format!("{name} runs apps"));
        }
    }
    for id in &control {
        let name = called(id, hosts);
        if !next_control.contains(id) {
            plan.removes
                .push(format!("{name}'s share of the group's state"));
        }
    }
    let stays = |id: &HostId| next_control.contains(id) || next_workers.contains(id);
    for id in control.iter().chain(&workers) {
        if after.is_some() && !stays(id) {
            let name = called(id, hosts);
            plan.changes.push(format!(
                "what runs on {name} starts elsewhere; it stays linked"
            ));
        }
    }
    if let (Some(before), None) = (before, after) {
        plan.removes.push(format!("the cluster {}", before.name));
        plan.changes
            .push("all of its hosts stay linked, and run apps as linked hosts do".to_owned());
        plan.changes.extend(change.heir.map(|heir| {
            let name = called(&heir, hosts);
            format!("{name} leads from then on")
        }));
    }
    plan
}

/// The hosts that are to run apps, if that is not all of the group.
pub(crate) async fn chosen(store: &Store) -> Result<Option<HashSet<HostId>>, StoreError> {
    let all = store.cluster_all().await?;
    Ok(all.first().map(|cluster| {
        let hosts = cluster.control_plane.iter().chain(&cluster.workers);
        hosts.copied().collect()
    }))
}
