//! The end of a roll-out: on one host the droplet execution agent plugin says
//! when, in a group all of its hosts have to.

use std::collections::HashSet;

use muster_api::{
    apps::DesiredState,
    id::{AppId, HostId},
};
use muster_engine::plugin::execution::Rollout;
use muster_store::PlacementRecord;

use super::{
    Agent,
    desired::{Desired, Source},
};
use crate::control::{error::ControlError, rollouts};

/// The plugin has found out about this host's share of a roll-out. Alone, that
/// is all of it.
pub(super) async fn here(
    agent: &Agent,
    desired: &mut Desired,
    place: usize,
    found: Rollout,
) -> Result<(), ControlError> {
    // A follower's leader sees it in what the follower tells of its instances.
    let decides = matches!(desired.source, Source::Store);
    let waits = found.failure.is_none() && !desired.hosts.is_empty();
    if !decides || waits {
        return Ok(());
    }
    finish(agent, desired, place, found.release, found.failure).await
}

/// The leader looks at roll-outs over all hosts.
pub(super) async fn elsewhere(
    agent: &Agent,
    desired: &mut Desired,
    placements: &[PlacementRecord],
) -> Result<(), ControlError> {
    let running = agent.fleet.places();
    for place in 0..desired.apps.len() {
        let app = &desired.apps[place];
        let Some(next) = app
            .next_release
            .filter(|_| app.state == DesiredState::Started)
        else {
            continue;
        };
        let id = app.id;
        let failure = agent
            .fleet
            .crash_elsewhere(id, next)
            .or_else(|| agent.placing.hindrance(id, next));
        let all_run = runs(id, next, app.instances, placements, &running);
        if failure.is_some() || all_run {
            finish(agent, desired, place, next, failure).await?;
        }
    }
    Ok(())
}

/// Whether each of a release's instances runs somewhere that it was placed.
fn runs(
    app: AppId,
    release: u64,
    instances: u32,
    placements: &[PlacementRecord],
    running: &HashSet<(AppId, u64, u32, HostId)>,
) -> bool {
    let serves = |it: &&PlacementRecord| {
        (it.app, it.release) == (app, release)
            && running.contains(&(it.app, it.release, it.index, it.host))
    };
    let indexes: HashSet<u32> = placements
        .iter()
        .filter(serves)
        .map(|it| it.index)
        .collect();
    u32::try_from(indexes.len()).is_ok_and(|indexes| indexes >= instances)
}

async fn finish(
    agent: &Agent,
    desired: &mut Desired,
    place: usize,
    release: u64,
    failure: Option<String>,
) -> Result<(), ControlError> {
    let app = &mut desired.apps[place];
    let id = app.id;
    match &failure {
        Some(why) => {
            let line = format!("release {release} was given up: {why}");
            agent.logs.platform(&id.to_string(), &line);
            app.next_release = None;
        }
        // Whoever waits for the end of the roll-out must not meet the old
        // release after it.
        None => {
            app.current_release = Some(release);
            app.next_release = None;
            agent.publish(desired)?;
        }
    }
    rollouts::finish(&agent.store, id, release, failure).await?;
    Ok(())
}
