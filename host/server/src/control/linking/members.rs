//! The leader's side: hosts that are members.

use std::sync::{Arc, PoisonError};

use muster_api::{
    hosts::HostState,
    id::{HostId, LinkId},
    plan::Plan,
};
use muster_peering::{
    membership::{
        Ending, Reply, Request,
        leader::{self, Effect, Event},
        presence::{Addresses, Presence},
    },
    tls::PeerIdentity,
};
use muster_store::{ChangeKind, HostRecord, Tx};
use time::{Duration, OffsetDateTime};

use super::{
    ControlError, Links, draining,
    leading::{change, memberships, state, value},
    refused,
    succession::no_leader,
};
use crate::{
    control::{
        record::{Actor, record},
        terms::Terms,
    },
    peers::{
        Connection,
        words::{Said, Say},
    },
};

/// How exactly the time is kept at which a host was heard: not each heartbeat is
/// worth a write.
const SEEN_TO: Duration = Duration::MINUTE;

impl Links {
    /// A member confirms, says hello, or takes leave.
    pub(crate) async fn told(
        &self,
        peer: PeerIdentity,
        connection: &Connection,
        say: Say,
    ) -> Result<Said, ControlError> {
        if self.stands_by() {
            return Err(no_leader());
        }
        let now = muster_store::now();
        let link = LinkId(say.link);
        let before = self.state().membership_get(link).await?;
        let before = before.map(|record| state(&record)).transpose()?;
        let member = matches!(before, Some(leader::State::Joined { peer: known }) if known == peer);
        let reply = if member && matches!(say.request, Request::Hello | Request::Confirm) {
            Reply::Member
        } else {
            let from = connection.address.ip().to_string();
            let (request, name) = (say.request, say.name.clone());
            let workloads = say.about.workloads;
            let reply = self
                .state()
                .write_or_refuse(move |tx| {
                    Box::pin(async move {
                        let Some(mut found) = tx.membership_get(link).await? else {
                            return Ok(Reply::NotKnown(None));
                        };
                        let event = match request {
                            Request::Leave => Event::Leave { peer, workloads },
                            _ => Event::Confirm { peer },
                        };
                        let (next, effects) = match leader::step(&state(&found)?, event, now) {
                            Ok(stepped) => stepped,
                            Err(refusal) => return Ok(Reply::LeaveRefused(refusal)),
                        };
                        found.state = value(&next)?;
                        tx.membership_put(&found).await?;
                        let actor = Actor {
                            origin: Some(from),
                            ..Actor::host(name.clone())
                        };
                        obey(tx, &actor, &name, &effects).await
                    })
                })
                .await?;
            self.refresh().await?;
            reply
        };
        let mut generation = say.about.generation;
        if reply == Reply::Member {
            generation = self.heard(HostId(peer.host), &say, now).await?;
            if !say.meanwhile.is_empty() {
                self.reported(&say).await?;
            }
        }
        let lead = self.memory().lead.clone();
        Ok(Said {
            reply,
            time: now,
            leader: self.whereabouts(),
            anchors: match lead {
                Some(lead) => self.anchors(&lead)?.to_pem(),
                None => String::new(),
            },
            generation,
        })
    }

    /// What a host is told that was a member once: how that ended.
    pub(crate) async fn farewell(
        &self,
        peer: PeerIdentity,
        connection: &Connection,
    ) -> Result<Said, ControlError> {
        let now = muster_store::now();
        let was = |(_, state): &(_, leader::State)| matches!(state, leader::State::Ended { peer: Some(of), .. } if *of == peer);
        let mut all = memberships(&self.state()).await?.into_iter().rev();
        let mut reply = Reply::NotKnown(None);
        if let Some((record, state)) = all.find(was) {
            let stepped = leader::step(&state, Event::Confirm { peer }, now);
            let (_, mut effects) = stepped.map_err(|refusal| refused(&refusal))?;
            // It asks until it has heard the answer; once is worth a line.
            if !self.memory().came_back.insert(record.id) {
                effects.retain(|effect| matches!(effect, Effect::Reply(_)));
            }
            let name = HostId(peer.host).to_string();
            let actor = Actor {
                origin: Some(connection.address.ip().to_string()),
                ..Actor::host(name.clone())
            };
            reply = match &effects[..] {
                [Effect::Reply(reply)] => reply.clone(),
                _ => {
                    self.state()
                        .write_or_refuse(move |tx| {
                            Box::pin(async move { obey(tx, &actor, &name, &effects).await })
                        })
                        .await?
                }
            };
        }
        Ok(Said {
            reply,
            time: now,
            leader: self.whereabouts(),
            anchors: String::new(),
            generation: 0,
        })
    }

    /// Notes what a member says of itself. Answers with the number of the newest
    /// change of its addresses.
    async fn heard(&self, id: HostId, say: &Say, now: OffsetDateTime) -> Result<u64, ControlError> {
        let at = self.monotonic();
        self.memory()
            .presence
            .entry(id)
            .or_insert_with(|| Presence::new(at))
            .hear(at, say.about.workloads);
        self.0.fleet.told(id, &say.name, say.instances.clone());
        let Some(known) = self.state().host_get(id).await? else {
            return Ok(say.about.generation);
        };
        let mut addresses = Addresses {
            generation: known.about.generation,
            list: known.about.addresses.clone(),
        };
        addresses.hear(&Addresses {
            generation: say.about.generation,
            list: say.about.addresses.clone(),
        });
        let generation = addresses.generation;
        let mut about = say.about.clone();
        about.addresses = addresses.list;
        about.generation = generation;
        // A clock that was measured a little differently is no news.
        if (about.clock_offset_ms - known.about.clock_offset_ms).abs() < 1_000 {
            about.clock_offset_ms = known.about.clock_offset_ms;
        }
        if about == known.about
            && say.name == known.name
            && (now - known.last_seen_at).abs() < SEEN_TO
        {
            return Ok(generation);
        }
        let news = about != known.about || say.name != known.name;
        let heard = HostRecord {
            name: say.name.clone(),
            about,
            last_seen_at: now,
            ..known
        };
        self.state()
            .write(move |tx| {
                Box::pin(async move {
                    // It may have been taken out, or got a certificate, meanwhile.
                    let now = tx.host_get(heard.id).await?;
                    let Some(now) = now.filter(|it| it.membership == heard.membership) else {
                        return Ok(());
                    };
                    let heard = HostRecord {
                        certificate_not_after: now.certificate_not_after,
                        ..heard
                    };
                    tx.host_put(&heard).await?;
                    if news {
                        tx.change_append("host", &heard.id.to_string(), ChangeKind::Updated, None)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(generation)
    }

    /// Takes a host out of the group. By force if it is lost.
    pub(crate) async fn remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        force: bool,
    ) -> Result<Plan, ControlError> {
        let host = self.find(name).await?;
        let state_of = self.health(host.id);
        let (actor, dry) = (actor.clone(), terms.dry_run);
        let now = muster_store::now();
        let plan = self
            .state()
            .write_if(!dry, move |tx| {
                Box::pin(async move {
                    let found = tx.membership_get(host.membership).await?;
                    let gone = || ControlError::not_found("host", &host.name);
                    let mut found = found.ok_or_else(gone)?;
                    let event = if force {
                        Event::ForceOut
                    } else {
                        Event::Remove {
                            workloads: host.about.workloads,
                        }
                    };
                    let stepped = leader::step(&state(&found)?, event, now);
                    let (next, effects) = stepped.map_err(|refusal| refused(&refusal))?;
                    found.state = value(&next)?;
                    tx.membership_put(&found).await?;
                    obey(tx, &actor, &host.name, &effects).await?;
                    let mut changes = vec![match state_of {
                        HostState::Unreachable => {
                            format!("{} cannot be told now; it is when it comes back", host.name)
                        }
                        _ => format!("{} stands alone and can be linked anew", host.name),
                    }];
                    if host.about.workloads > 0 {
                        changes.push(format!(
                            "what runs on it, {} instances, is not this group's any more",
                            host.about.workloads
                        ));
                    }
                    Ok::<_, ControlError>(Plan {
                        removes: vec![
                            format!("the host {} from the group", host.name),
                            "its certificate, at once".to_owned(),
                        ],
                        changes,
                        done: !dry,
                    })
                })
            })
            .await?;
        if !dry {
            self.refresh().await?;
        }
        Ok(plan)
    }

    /// Brings the lists that are kept in memory to what the store says.
    pub(super) async fn refresh(&self) -> Result<(), ControlError> {
        // What was read before a change must not be noted after it.
        let _one = self.0.refreshing.lock().await;
        let all = memberships(&self.state()).await?;
        let followed = {
            let memory = self.memory();
            let follows = memory.leader().is_some();
            follows.then(|| Arc::clone(&memory.followed))
        };
        match followed {
            Some(followed) => self.admit(followed.state.hosts.iter().map(|it| PeerIdentity {
                host: it.id.0,
                fingerprint: it.fingerprint,
            })),
            None => self.admit(all.iter().filter_map(|(_, state)| state.admitted())),
        }
        let was = |state: &leader::State| match state {
            leader::State::Ended { peer, .. } => *peer,
            _ => None,
        };
        *self
            .0
            .former
            .write()
            .unwrap_or_else(PoisonError::into_inner) =
            all.iter().filter_map(|(_, state)| was(state)).collect();
        let joined = |state: &leader::State| match state {
            leader::State::Joined { peer } => Some(HostId(peer.host)),
            _ => None,
        };
        // A control-plane host is a member, too, and not its own follower.
        let joined: Vec<_> = all
            .iter()
            .filter_map(|(_, state)| joined(state))
            .filter(|id| *id != self.0.host)
            .collect();
        let now = self.monotonic();
        let mut memory = self.memory();
        memory.presence.retain(|id, _| joined.contains(id));
        for id in joined {
            memory
                .presence
                .entry(id)
                .or_insert_with(|| Presence::new(now));
        }
        Ok(())
    }

    /// Ends what has taken too long: tokens that nobody used, and hosts that did
    /// not confirm.
    pub(super) async fn tick(&self) -> Result<(), ControlError> {
        let now = muster_store::now();
        let late = |(_, state): &(_, leader::State)| {
            leader::step(state, Event::Tick, now).is_ok_and(|(next, _)| {
                matches!(next, leader::State::Ended { .. }) && next != *state
            })
        };
        let all = memberships(&self.state()).await?;
        if !all.iter().any(late) {
            return Ok(());
        }
        self.state()
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    for (mut record, state) in memberships(tx).await? {
                        if !matches!(
                            state,
                            leader::State::Offered { .. } | leader::State::Pending { .. }
                        ) {
                            continue;
                        }
                        let stepped = leader::step(&state, Event::Tick, now);
                        let (next, effects) = stepped.map_err(|refusal| refused(&refusal))?;
                        if next == state {
                            continue;
                        }
                        record.state = value(&next)?;
                        tx.membership_put(&record).await?;
                        let name = record.id.to_string();
                        obey(tx, &Actor::host("link"), &name, &effects).await?;
                    }
                    Ok::<_, ControlError>(())
                })
            })
            .await?;
        self.refresh().await
    }
}

/// Does what a step of a membership asks for, within its transaction, and answers
/// what the peer is to be told.
async fn obey(
    tx: &Tx,
    actor: &Actor,
    name: &str,
    effects: &[Effect],
) -> Result<Reply, ControlError> {
    let mut reply = Reply::NotKnown(None);
    for effect in effects {
        match effect {
            Effect::Reply(said) => reply = said.clone(),
            Effect::Linked(_) => {
                record(tx, actor, change("host", name, "link", ChangeKind::Updated)).await?;
            }
            Effect::Revoke(peer) => {
                tx.host_delete(HostId(peer.host)).await?;
                draining::forget(tx, HostId(peer.host)).await?;
            }
            Effect::Unlinked(how) => {
                let change = change("host", name, verb(*how), ChangeKind::Deleted);
                record(tx, actor, change).await?;
            }
            Effect::CameBack(_) => {
                let change = change("host", name, "come-back", ChangeKind::Updated);
                record(tx, actor, change).await?;
            }
            Effect::Issue(_) => {}
        }
    }
    Ok(reply)
}

fn verb(how: Ending) -> &'static str {
    match how {
        Ending::Expired => "expire",
        Ending::Withdrawn => "withdraw",
        Ending::Lapsed => "lapse",
        Ending::Left => "leave",
        Ending::Removed => "remove",
        Ending::ForcedOut => "force-out",
        Ending::GroupEnded => "end",
    }
}
