//! Draining: a host keeps what it runs until that runs elsewhere, and gets nothing
//! new.

use std::collections::HashMap;

use muster_api::plan::Plan;
use muster_planner::plan;
use muster_store::ChangeKind;
use uuid::Uuid;

use super::{Placing, snapshot::Releases};
use crate::control::{
    error::ControlError,
    linking::{Part, draining},
    record::{Actor, Change, record},
    terms::Terms,
};

impl Placing {
    /// Has a host drained, or lets it have instances again.
    ///
    /// # Errors
    /// If this host does not lead, or there is no such host.
    pub(crate) async fn drain(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        drain: bool,
    ) -> Result<Plan, ControlError> {
        let Part::Leads(members) = self.links.part().await? else {
            return Err(ControlError::Conflict {
                code: "not-a-leader",
                message: "only a leader with followers can move instances to another host"
                    .to_owned(),
                remedy: "link another host first; see: muster link token".to_owned(),
            });
        };
        let host = self.links.host(name).await?;
        let mut list = self.links.draining().await?;
        list.retain(|it| *it != host.id);
        if drain {
            list.push(host.id);
        }
        let apps = self.store.app_all().await?;
        let ground = self.ground(&members, &apps, &list).await?;
        let releases = Releases::of(&ground);
        let placed = releases.placed(&self.store.placement_all().await?, &ground);
        let moves = plan(&releases.snapshot(placed, &ground));
        let names: HashMap<Uuid, &str> = ground
            .sites
            .iter()
            .map(|site| (site.id.0, site.name.as_str()))
            .collect();
        let app_of = |release| {
            let (app, number) = releases.named(release)?;
            let app = apps.iter().find(|it| it.id == app)?;
            Some(format!("{} (release {number})", app.name))
        };
        let mut changes: Vec<String> = moves
            .starts
            .iter()
            .filter_map(|start| {
                let to = names.get(&start.placement.host)?;
                let app = app_of(start.placement.release)?;
                let index = start.placement.index;
                Some(format!(
                    "instance {index} of {app} starts on {to}: {}",
                    start.why
                ))
            })
            .collect();
        changes.extend(moves.unplaced.iter().map(|one| format!("stays: {one}")));
        changes.push(match drain {
            true => format!("{} gets no instances any more", host.name),
            false => format!("{} gets instances again", host.name),
        });
        let (keep, actor) = (!terms.dry_run, actor.clone());
        self.store
            .write_if(keep, move |tx| {
                Box::pin(async move {
                    draining::change(tx, host.id, drain).await?;
                    let change = Change {
                        resource: "host",
                        project: None,
                        id: host.id.to_string(),
                        name: &host.name,
                        verb: if drain { "drain" } else { "resume" },
                        kind: ChangeKind::Updated,
                        before: None,
                        after: None,
                    };
                    record(tx, &actor, change).await?;
                    Ok::<_, ControlError>(())
                })
            })
            .await?;
        Ok(Plan {
            changes,
            done: keep,
            ..Plan::default()
        })
    }
}
