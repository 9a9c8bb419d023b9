//! Whether the hosts of a cluster can go to another version of Muster, and what
//! that would mean for each of them. [`upgrading`](super::upgrading) does it.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use muster_api::{
    blocks::FileEntry,
    bundles::{BundleKind, NewBundle},
    clusters::{UPGRADE_PATIENCE, UpgradeCluster},
    hosts::{HostStanding, LinkedHost},
    id::HostId,
    jobs::Job,
    plan::Plan,
};
use muster_store::{BundleRecord, ChangeKind, ClusterRecord, Stamp, Version};
use serde::{Deserialize, Serialize};

use super::{Clusters, alone_at_work, called, queued};
use crate::{
    control::{
        bundles::{self, Bundles},
        error::ControlError,
        record::{Actor, Change, record},
        terms::{Outcome, Terms},
        views::{counted, job_view},
    },
    releases::{Asked, Program, inspect},
};

/// The setting with the steps of the last upgrade, by which hosts go back.
pub(super) const LAST: &str = "cluster.upgraded";
/// How many hosts are asked at the same time.
const AT_ONCE: usize = 16;
/// How long a program may have, in seconds.
const PATIENCE: std::ops::RangeInclusive<u32> = 5..=3600;

/// What an upgrade is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Input {
    /// The cluster.
    pub(super) name: String,
    /// The file of the program that hosts may lack.
    pub(super) file: Option<FileEntry>,
    /// How long a program has until it is ready, in seconds.
    pub(super) patience: u32,
    /// The hosts in their order.
    pub(super) steps: Vec<Step>,
}

/// What becomes of one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) host: HostId,
    pub(super) name: String,
    pub(super) from: Program,
    pub(super) to: Program,
}

impl Clusters {
    /// Has the hosts of a cluster run another version, one after the other.
    pub(crate) async fn upgrade(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        upgrade: UpgradeCluster,
    ) -> Result<Outcome<Job>, ControlError> {
        let (cluster, _) = self.show(name).await?;
        terms.check(Some(&cluster))?;
        let hosts = self.hosts().await?;
        let patience = upgrade.patience_seconds.unwrap_or(UPGRADE_PATIENCE);
        if !PATIENCE.contains(&patience) {
            let why = format!("it is {} to {} s", PATIENCE.start(), PATIENCE.end());
            return Err(ControlError::invalid("patience_seconds", why));
        }
        let order = order(&cluster, self.links.id());
        let wanted = self.wanted(upgrade).await?;
        let runs = self.programs(&order, &hosts).await?;
        let mut steps = Vec::new();
        for (host, from) in order.iter().zip(runs) {
            let to = match &wanted {
                Wanted::Back(before) => before.get(host).cloned(),
                Wanted::Other { program, stamp, .. } => {
                    goes_together(&called(host, &hosts), &from, program, stamp)?;
                    Some(program.clone())
                }
            };
            if let Some(to) = to.filter(|to| *to != from) {
                let name = called(host, &hosts);
                let host = *host;
                steps.push(Step {
                    host,
                    name,
                    from,
                    to,
                });
            }
        }
        if steps.is_empty() {
            return Err(nothing(&wanted));
        }
        let bundle = wanted.bundle();
        let plan = plan(&cluster, &hosts, &steps, bundle.as_ref());
        let input = Input {
            name: cluster.name.clone(),
            file: bundle.as_ref().and_then(|it| it.files.first().cloned()),
            patience,
            steps,
        };
        let job = queued("upgrade", &cluster.name, &input, &plan)?;
        let (actor, kept) = (actor.clone(), job.clone());
        self.store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    alone_at_work(tx).await?;
                    if tx.cluster_get(&cluster.name).await?.as_ref() != Some(&cluster) {
                        return Err(ControlError::Outdated { version: None });
                    }
                    if let Some(bundle) = &bundle
                        && tx.bundle_get(&bundle.name).await?.is_none()
                    {
                        tx.bundle_put(bundle).await?;
                        bundles::changed(tx, &actor, None, Some(bundle), "put").await?;
                    }
                    tx.setting_put(LAST, &Some(&input.steps)).await?;
                    tx.job_insert(&kept).await?;
                    tx.change_append("job", kept.id, ChangeKind::Created, None)
                        .await?;
                    let versions = |of: fn(&Step) -> &Program| {
                        let each = input.steps.iter();
                        each.map(|it| (it.name.clone(), of(it).to_string().into()))
                            .collect()
                    };
                    let change = Change {
                        resource: "cluster",
                        project: None,
                        id: cluster.name.clone(),
                        name: &cluster.name,
                        verb: "upgrade",
                        kind: ChangeKind::Updated,
                        before: Some(serde_json::Value::Object(versions(|it| &it.from))),
                        after: Some(serde_json::Value::Object(versions(|it| &it.to))),
                    };
                    record(tx, &actor, change).await?;
                    Ok::<_, ControlError>(())
                })
            })
            .await?;
        Ok(terms.outcome(job_view(job), plan))
    }

    /// What the hosts are to run.
    async fn wanted(&self, upgrade: UpgradeCluster) -> Result<Wanted, ControlError> {
        let bundles = Bundles {
            store: self.store.clone(),
            blocks: self.blocks.clone(),
            links: self.links.clone(),
        };
        match upgrade {
            UpgradeCluster {
                program: Some(file),
                bundle: None,
                back: false,
                ..
            } => {
                let new = NewBundle {
                    kind: BundleKind::Release,
                    files: vec![FileEntry {
                        path: "muster".to_owned(),
                        ..file
                    }],
                };
                let mut bundle = bundles.checked("muster", new).await?;
                let (program, stamp) = self.inspected("program", &bundle).await?;
                let short = program.digest.as_str().get(..8).unwrap_or_default();
                let version = Version::of(&program.version);
                let version = version.map_or_else(String::new, |it| it.to_string());
                bundle.name = format!("muster-{}-{short}", version.replace('.', "-"));
                Ok(Wanted::Other {
                    program,
                    stamp,
                    bundle: Box::new(bundle),
                })
            }
            UpgradeCluster {
                program: None,
                bundle: Some(name),
                back: false,
                ..
            } => {
                let found = self.store.bundle_get(&name).await?;
                let bundle = found.ok_or_else(|| ControlError::not_found("bundle", name))?;
                if bundle.kind != BundleKind::Release {
                    let why = format!("it is of the kind {}, not release", bundle.kind);
                    return Err(ControlError::invalid("bundle", why));
                }
                let (program, stamp) = self.inspected("bundle", &bundle).await?;
                Ok(Wanted::Other {
                    program,
                    stamp,
                    bundle: Box::new(bundle),
                })
            }
            UpgradeCluster {
                program: None,
                bundle: None,
                back: true,
                ..
            } => {
                let last = self.store.setting_get::<Option<Vec<Step>>>(LAST).await?;
                let last = last.flatten().unwrap_or_default();
                Ok(Wanted::Back(
                    last.into_iter().map(|it| (it.host, it.from)).collect(),
                ))
            }
            _ => Err(ControlError::invalid(
                "program",
                "just one of `program`, `bundle` and `back` says what to run",
            )),
        }
    }

    async fn inspected(
        &self,
        field: &str,
        bundle: &BundleRecord,
    ) -> Result<(Program, Stamp), ControlError> {
        let [file] = bundle.files.as_slice() else {
            let why = format!(
                "a release is one program, not {}",
                counted(bundle.files.len(), "file")
            );
            return Err(ControlError::invalid(field, why));
        };
        let had = self.links.have(&file.blocks).await;
        had.map_err(|why| ControlError::invalid(field, why))?;
        let found = inspect(&self.blocks, file).await;
        found.map_err(|why| ControlError::invalid(field, why))
    }

    /// What each of these hosts runs, all of which have to answer.
    async fn programs(
        &self,
        order: &[HostId],
        hosts: &[LinkedHost],
    ) -> Result<Vec<Program>, ControlError> {
        let each = stream::iter(order.to_vec());
        let asked = each.map(|host| self.links.ask_release(host, Asked::Show));
        let told: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        let (mut runs, mut away) = (Vec::new(), Vec::new());
        for (host, told) in order.iter().zip(told) {
            let name = called(host, hosts);
            match told {
                Ok(told) if told.on_trial => away.push(format!("{name} tries another program")),
                Ok(told) => runs.push(told.runs),
                Err(why) => away.push(format!("{name}: {why}")),
            }
        }
        if away.is_empty() {
            return Ok(runs);
        }
        Err(ControlError::Conflict {
            code: "hosts-away",
            message: format!(
                "all hosts of the cluster have to be there: {}",
                away.join("; ")
            ),
            remedy: "see how they are with: muster link list; or leave them out with: muster cluster scale".to_owned(),
        })
    }
}

/// What hosts are to run.
enum Wanted {
    /// What each ran before.
    Back(HashMap<HostId, Program>),
    /// All the same.
    Other {
        program: Program,
        stamp: Stamp,
        bundle: Box<BundleRecord>,
    },
}

impl Wanted {
    fn bundle(&self) -> Option<BundleRecord> {
        match self {
            Self::Back(_) => None,
            Self::Other { bundle, .. } => Some(BundleRecord::clone(bundle)),
        }
    }
}

/// Workers, then the hosts that share the state, the one that leads at the end.
fn order(cluster: &ClusterRecord, leader: HostId) -> Vec<HostId> {
    let mut order = cluster.workers.clone();
    let others = cluster.control_plane.iter().filter(|id| **id != leader);
    order.extend(others.copied());
    order.push(leader);
    order
}

/// Whether hosts of the two programs work together, so that one can be upgraded
/// after the other and go back.
fn goes_together(
    host: &str,
    from: &Program,
    to: &Program,
    stamp: &Stamp,
) -> Result<(), ControlError> {
    let refused = |why: String, remedy: &str| ControlError::Conflict {
        code: "not-upgradable",
        message: format!("{host} runs {from}, and cannot go to {to}: {why}"),
        remedy: remedy.to_owned(),
    };
    let (Some(now), Some(next), Some(since)) = (
        Version::of(&from.version),
        Version::of(&to.version),
        Version::of(&stamp.works_since),
    ) else {
        let why = "one of the two is no version".to_owned();
        return Err(refused(why, "name a release of Muster"));
    };
    if !now.is_neighbour_of(next) {
        let why = "only neighbouring minor versions work together".to_owned();
        return Err(refused(why, "go there by way of the versions in between"));
    }
    if now < since {
        let why = format!("its database schema can be worked with since {since} only");
        return Err(refused(why, "go there by way of the versions in between"));
    }
    let ours = Stamp::own().works_since;
    if Version::of(&ours).is_some_and(|ours| next < ours) {
        let why = format!("the database schema can be worked with since {ours} only by now");
        return Err(refused(why, "restore a backup that was made before"));
    }
    Ok(())
}

fn nothing(wanted: &Wanted) -> ControlError {
    let (message, remedy) = match wanted {
        Wanted::Back(_) => (
            "there is no program that a host of the cluster could go back to".to_owned(),
            "name the program with --to, or the bundle with --bundle",
        ),
        Wanted::Other { program, .. } => (
            format!("all hosts of the cluster run {program} already"),
            "see what they run with: muster cluster show",
        ),
    };
    ControlError::Conflict {
        code: "nothing-to-upgrade",
        message,
        remedy: remedy.to_owned(),
    }
}

/// What becomes of which host.
fn plan(
    cluster: &ClusterRecord,
    hosts: &[LinkedHost],
    steps: &[Step],
    bundle: Option<&BundleRecord>,
) -> Plan {
    let of = |id: HostId| hosts.iter().find(|host| host.id == id);
    let mut changes = Vec::new();
    if let Some(bundle) = bundle {
        changes.push(format!(
            "all hosts fetch the program ({} bytes), as the bundle {}",
            bundle.size, bundle.name
        ));
    }
    let alone = cluster.control_plane.len() + cluster.workers.len() == 1;
    for step in steps {
        let host = of(step.host);
        let mut line = format!("{}: ", step.name);
        let leads = host.is_some_and(|host| host.standing == HostStanding::Leader);
        if leads && cluster.control_plane.len() > 1 {
            line.push_str("another host leads in its place; ");
        }
        let runs = host.map_or(0, |host| host.about.workloads);
        let instances = counted(usize::try_from(runs).unwrap_or(usize::MAX), "instance");
        match (runs, alone) {
            (0, _) => {}
            (_, true) => line.push_str(&format!(
                "{instances} stopped meanwhile, as there is no other host; "
            )),
            (_, false) => line.push_str(&format!("{instances} to other hosts; ")),
        }
        line.push_str(&format!(
            "{} takes the place of {}, and is checked",
            step.to, step.from
        ));
        changes.push(line);
    }
    let inside = |id: &HostId| cluster.control_plane.contains(id) || cluster.workers.contains(id);
    for host in hosts.iter().filter(|host| !inside(&host.id)) {
        changes.push(format!(
            "{} is linked and not of the cluster: it stays with {}",
            host.name, host.about.version
        ));
    }
    changes.push("if one host fails, all go back to what they ran before".to_owned());
    Plan {
        changes,
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests {
    use muster_api::blocks::Digest;
    use uuid::Uuid;

    use super::*;

    fn program(version: &str) -> Program {
        Program {
            version: version.to_owned(),
            digest: Digest::from_bytes(&[version.len() as u8; 32]),
        }
    }

    #[test]
    fn workers_are_first_and_the_leader_is_last() {
        let ids: Vec<_> = (0..5).map(|_| HostId(Uuid::now_v7())).collect();
        let cluster = ClusterRecord {
            name: "north".to_owned(),
            control_plane: ids[..3].to_vec(),
            workers: ids[3..].to_vec(),
            created_at: muster_store::now(),
        };
        let expected = [ids[3], ids[4], ids[0], ids[2], ids[1]];
        assert_eq!(order(&cluster, ids[1]), expected);
    }

    #[test]
    fn only_neighbours_go_together() {
        let own = Stamp::own();
        let fits = |from: &str, to: &str, since: &str| {
            let stamp = Stamp {
                version: to.to_owned(),
                works_since: since.to_owned(),
            };
            match goes_together("a", &program(from), &program(to), &stamp) {
                Ok(()) => true,
                Err(ControlError::Conflict { code, .. }) => {
                    assert_eq!(code, "not-upgradable");
                    false
                }
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(own.works_since, "0.1.0");
        assert!(fits("0.1.0", "0.1.0", "0.1.0"));
        assert!(fits("0.1.0", "0.1.7", "0.1.0"));
        assert!(fits("0.1.0", "0.2.0", "0.1.0"));
        assert!(fits("0.2.0", "0.1.0", "0.1.0"));
        assert!(!fits("0.1.0", "0.3.0", "0.1.0"), "two versions on");
        assert!(!fits("0.1.0", "0.2.0", "0.1.4"), "its schema is too new");
        assert!(!fits("0.1.0", "0.0.9", "0.0.1"), "our schema is too new");
        assert!(!fits("0.1.0", "1.1.0", "0.1.0"));
        assert!(!fits("0.1.0", "new", "0.1.0"));
    }
}
