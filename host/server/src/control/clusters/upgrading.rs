//! Upgrades at work: one host after the other gets empty, tries the other program,
//! and is confirmed once it was seen at work. What is done and what is under way
//! lies in the state, so that whoever leads goes on with it. If a host fails, all go
//! back, the last one first.

use std::time::Duration;

use muster_api::{
    hosts::{HostState, LinkedHost},
    id::{HostId, JobId},
    jobs::Progress,
    problem::Problem,
};
use muster_store::{ChangeKind, JobRecord, StoreError, Tx};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    Clusters,
    upgrade::{Input, Step},
};
use crate::{
    control::{
        error::ControlError,
        jobs::{self, problem},
        linking::draining,
        record::{Actor, Change, record},
    },
    releases::{Asked, Program},
};

/// The setting that says how far an upgrade is.
const KEPT: &str = "cluster.upgrade";
/// How long the program may be on its way to all hosts.
const FETCH: Duration = Duration::from_secs(600);
/// How long a host may take to get empty. What has found no other place by then
/// stops for a moment.
const DRAIN: Duration = Duration::from_secs(90);
/// How much longer than it has to be ready a host may be away: requests end before,
/// and the program before it comes back if it fails.
const AWAY: Duration = Duration::from_secs(240);

/// How far an upgrade is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    job: JobId,
    #[serde(with = "time::serde::rfc3339")]
    began: OffsetDateTime,
    /// Whether all hosts have the program.
    fetched: bool,
    /// How many hosts are done; from the end, if it is taken back.
    done: usize,
    /// The host at hand.
    at: Option<At>,
    /// Hosts that are empty because of it.
    drained: Vec<HostId>,
    /// Why it is taken back.
    failed: Option<String>,
    /// Which hosts could not go back.
    stuck: Vec<String>,
}

/// How far the host at hand is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct At {
    host: HostId,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
    /// Since when it tries the other program.
    #[serde(with = "time::serde::rfc3339::option")]
    tries: Option<OffsetDateTime>,
    /// Whether another host was to lead in its place.
    aside: bool,
    /// What has kept it from being confirmed.
    hindrance: Option<String>,
}

/// What is written down after a look at an upgrade.
#[derive(Default)]
struct News {
    step: &'static str,
    lines: Vec<String>,
    /// Hosts that get empty, or take instances again.
    drains: Vec<(HostId, String, bool)>,
}

impl News {
    fn waiting(step: &'static str) -> Self {
        Self {
            step,
            ..Self::default()
        }
    }

    fn line(step: &'static str, line: String) -> Self {
        Self {
            lines: vec![line],
            ..Self::waiting(step)
        }
    }
}

impl Clusters {
    /// Looks at an upgrade and does what is next. How it ended, once it has; what was
    /// kept of it is forgotten after that has been written down.
    pub(super) async fn upgrade_on(
        &self,
        job: &JobRecord,
    ) -> Result<Option<Result<(), Problem>>, ControlError> {
        let input: Input = serde_json::from_value(job.input.clone())
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let known = self.store.setting_get::<Option<Kept>>(KEPT).await?;
        let known = known.flatten().filter(|known| known.job == job.id);
        let mut kept = known.clone().unwrap_or_else(|| Kept {
            job: job.id,
            began: muster_store::now(),
            fetched: false,
            done: 0,
            at: None,
            drained: Vec::new(),
            failed: None,
            stuck: Vec::new(),
        });
        let (news, ended) = if kept.fetched {
            self.next(&input, &mut kept).await?
        } else {
            self.fetch(&input, &mut kept).await
        };
        let is_news = known.as_ref() != Some(&kept) || !news.lines.is_empty();
        if is_news || news.step != job.step {
            let total = input.steps.len() as u64;
            let done = (kept.done as u64).min(total);
            self.write_down(&kept, news, Progress { done, total })
                .await?;
        }
        let aside = kept.at.as_ref().is_some_and(|at| {
            let before = known.as_ref().and_then(|known| known.at.as_ref());
            at.aside && at.host == self.links.id() && before.is_some_and(|before| !before.aside)
        });
        if aside && let Some(heir) = self.heir(&input.name).await? {
            // From here on that one goes on with it.
            self.leadership.pass(heir).await?;
        }
        Ok(ended)
    }

    /// Has hosts take instances again that are empty because of an upgrade which is
    /// over.
    pub(super) async fn forget_upgrade(&self) -> Result<(), ControlError> {
        let kept = self.store.setting_get::<Option<Kept>>(KEPT).await?;
        let Some(kept) = kept.flatten() else {
            return Ok(());
        };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    for host in &kept.drained {
                        drain(tx, *host, &host.to_string(), false).await?;
                    }
                    tx.setting_put(KEPT, &None::<Kept>).await
                })
            })
            .await?;
        Ok(())
    }

    /// Another control-plane host of a cluster, which is there and may lead.
    async fn heir(&self, cluster: &str) -> Result<Option<HostId>, ControlError> {
        let cluster = self.store.cluster_get(cluster).await?;
        let control = cluster.map(|cluster| cluster.control_plane);
        let (control, myself) = (control.unwrap_or_default(), self.links.id());
        let hosts = self.links.all().await?;
        let mut others = hosts.iter().filter(|host| host.id != myself);
        let heir =
            others.find(|host| control.contains(&host.id) && host.state != HostState::Unreachable);
        Ok(heir.map(|host| host.id))
    }

    async fn write_down(
        &self,
        kept: &Kept,
        news: News,
        progress: Progress,
    ) -> Result<(), StoreError> {
        let kept = kept.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.job_start(kept.job, muster_store::now()).await?;
                    for (host, name, drained) in &news.drains {
                        drain(tx, *host, name, *drained).await?;
                    }
                    tx.setting_put(KEPT, &Some(&kept)).await?;
                    jobs::tell(tx, kept.job, news.step, &news.lines).await?;
                    jobs::advance(tx, kept.job, progress).await
                })
            })
            .await
    }

    /// Has all hosts fetch the program before anything changes.
    async fn fetch(&self, input: &Input, kept: &mut Kept) -> (News, Option<Result<(), Problem>>) {
        const STEP: &str = "the program is brought to the hosts";
        let (mut waiting, mut gone) = (Vec::new(), false);
        for step in &input.steps {
            let asked = Asked::Fetch {
                program: step.to.clone(),
                file: input.file.clone(),
            };
            match self.links.ask_release(step.host, asked).await {
                Ok(told) if told.at_hand => {}
                Ok(told) => {
                    // What is to lie there from earlier does not come any more.
                    gone |= input.file.is_none() && told.failed.is_some();
                    let why = told.failed.unwrap_or_else(|| "it is on its way".to_owned());
                    waiting.push(format!("{}: {why}", step.name));
                }
                Err(why) => waiting.push(format!("{}: {why}", step.name)),
            }
        }
        if waiting.is_empty() {
            kept.fetched = true;
            let line = "all hosts have the program".to_owned();
            return (News::line(STEP, line), None);
        }
        if since(kept.began) < FETCH && !gone {
            return (News::waiting(STEP), None);
        }
        let failed = problem(
            "upgrade-failed",
            "Not all hosts got the program",
            waiting.join("; "),
            Some("nothing was changed; see how the hosts are with: muster link list".to_owned()),
        );
        (News::waiting(STEP), Some(Err(failed)))
    }

    /// Does what is next.
    async fn next(
        &self,
        input: &Input,
        kept: &mut Kept,
    ) -> Result<(News, Option<Result<(), Problem>>), ControlError> {
        let back = kept.failed.is_some();
        let place = match back {
            true => input.steps.len().checked_sub(kept.done + 1),
            false => Some(kept.done),
        };
        let Some(step) = place.and_then(|place| input.steps.get(place)) else {
            let outcome = failure(kept).map_or(Ok(()), Err);
            return Ok((News::waiting("done"), Some(outcome)));
        };
        let target = if back { &step.from } else { &step.to };
        let hosts = self.links.all().await?;
        let host = hosts.iter().find(|host| host.id == step.host);
        let told = self.links.ask_release(step.host, Asked::Show).await;
        if let Ok(told) = &told
            && told.runs == *target
            && !told.on_trial
            && self.is_seen(host, target)
        {
            return Ok((done(step, target, kept), None));
        }
        let Some(at) = kept.at.as_mut().filter(|at| at.host == step.host) else {
            kept.at = Some(At {
                host: step.host,
                since: muster_store::now(),
                tries: None,
                aside: false,
                hindrance: None,
            });
            return Ok((empty(step, host, kept), None));
        };
        let Some(tries) = at.tries else {
            let runs = host.map_or(0, |host| host.about.workloads);
            if runs > 0 && since(at.since) < DRAIN && told.is_ok() {
                return Ok((News::waiting("a host gets empty"), None));
            }
            let leads = step.host == self.links.id();
            if leads && !at.aside && self.heir(&input.name).await?.is_some() {
                at.aside = true;
                let line = format!("{}: another host leads in its place", step.name);
                return Ok((News::line("another host is to lead", line), None));
            }
            at.tries = Some(muster_store::now());
            let line = format!("{}: {target} is tried", step.name);
            return Ok((News::line("a host tries the program", line), None));
        };
        let asked = Asked::Try {
            job: kept.job,
            program: target.clone(),
            patience: input.patience,
        };
        let mut why = match self.links.ask_release(step.host, asked).await {
            Ok(told) => match told.failed {
                Some(why) => {
                    let why = match &at.hindrance {
                        Some(hindrance) => format!("{why}; {hindrance}"),
                        None => why,
                    };
                    return Ok((turn_back(step, kept, why), None));
                }
                None if told.runs == *target && told.on_trial => {
                    let hindrance = told.hindrance.or_else(|| {
                        let unseen = || "nothing was heard of it since".to_owned();
                        (!self.is_seen(host, target)).then(unseen)
                    });
                    if hindrance.is_none() {
                        let program = target.clone();
                        let asked = Asked::Confirm { program };
                        // It is asked again if that gets lost.
                        let _ = self.links.ask_release(step.host, asked).await;
                    }
                    at.hindrance.clone_from(&hindrance);
                    hindrance
                }
                None => Some(format!("it runs {}", told.runs)),
            },
            Err(why) => Some(why),
        };
        let patience = Duration::from_secs(input.patience.into());
        if since(tries) > patience + AWAY {
            let why = why
                .take()
                .unwrap_or_else(|| "no reason is known".to_owned());
            let why = format!("it did not come back: {why}");
            return Ok((turn_back(step, kept, why), None));
        }
        Ok((News::waiting("a host tries the program"), None))
    }

    /// Whether a host was heard since it runs that.
    fn is_seen(&self, host: Option<&LinkedHost>, program: &Program) -> bool {
        host.is_some_and(|host| {
            host.about.version == program.version && host.state != HostState::Unreachable
        })
    }
}

/// A host is to get empty, unless somebody wants that already.
fn empty(step: &Step, host: Option<&LinkedHost>, kept: &mut Kept) -> News {
    let mut news = News::waiting("a host gets empty");
    if host.is_some_and(|host| !host.draining) {
        kept.drained.push(step.host);
        news.drains.push((step.host, step.name.clone(), true));
        let line = format!("{}: what runs there moves to other hosts", step.name);
        news.lines.push(line);
    }
    news
}

/// A host runs what it should.
fn done(step: &Step, target: &Program, kept: &mut Kept) -> News {
    let mut news = News::line("a host is done", format!("{} runs {target}", step.name));
    if kept.drained.contains(&step.host) {
        kept.drained.retain(|host| *host != step.host);
        news.drains.push((step.host, step.name.clone(), false));
    }
    kept.done += 1;
    kept.at = None;
    news
}

/// A host failed: all go back. One that cannot is left as it is.
fn turn_back(step: &Step, kept: &mut Kept, why: String) -> News {
    let why = format!("{}: {why}", step.name);
    kept.at = None;
    if kept.failed.is_some() {
        kept.done += 1;
        kept.stuck.push(why.clone());
        return News::line("it is taken back", why);
    }
    kept.failed = Some(why.clone());
    kept.done = 0;
    News::line("it is taken back", format!("{why}; all hosts go back"))
}

/// What went wrong with an upgrade that is over.
fn failure(kept: &Kept) -> Option<Problem> {
    let why = kept.failed.as_ref()?;
    if kept.stuck.is_empty() {
        let remedy =
            "all hosts run what they ran before; see what went wrong with: muster log --host NAME"
                .to_owned();
        let title = "A host failed, and all went back";
        return Some(problem("upgrade-failed", title, why.clone(), Some(remedy)));
    }
    Some(problem(
        "upgrade-stuck",
        "A host failed, and not all could go back",
        format!("{why}; {}", kept.stuck.join("; ")),
        Some("see what each host runs with: muster cluster show; and ask again".to_owned()),
    ))
}

/// Has a host get empty, or take instances again.
async fn drain(tx: &Tx, host: HostId, name: &str, drained: bool) -> Result<(), StoreError> {
    draining::change(tx, host, drained).await?;
    let change = Change {
        resource: "host",
        project: None,
        id: host.to_string(),
        name,
        verb: if drained { "drain" } else { "resume" },
        kind: ChangeKind::Updated,
        before: None,
        after: None,
    };
    record(tx, &Actor::host("cluster-upgrade"), change).await
}

fn since(then: OffsetDateTime) -> Duration {
    (muster_store::now() - then).try_into().unwrap_or_default()
}
