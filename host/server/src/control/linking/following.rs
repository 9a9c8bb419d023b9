//! The follower's side: joining, heartbeats, leaving.

use std::{sync::Arc, time::Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use muster_api::links::{Join, Leave, Link};
use muster_peering::{
    Anchors, Leaf, LinkToken as Token,
    clock::Skew,
    membership::{
        Ending, Refusal, Reply, Request,
        joiner::{self, Effect, Event, State},
        presence::HEARTBEAT,
    },
    proof,
    tls::{Distrust, PeerIdentity, client_config, joiner_config, leader_config},
};
use muster_store::ChangeKind;
use tokio_util::sync::CancellationToken;

use super::{
    ControlError, Links, damaged,
    leading::{LEAF_LIFE, change, followers},
    own::{self, Own},
    refused,
};
use crate::{
    control::record::{Actor, record},
    peers::{
        CallError, Patience, WORDS_ALPN, call,
        words::{Ask, Asked, Renew, Renewed, Said, Say, Whereabouts},
    },
};

/// How long to wait for more when an instance has changed, so that many changes
/// are told at once.
const SETTLE: std::time::Duration = std::time::Duration::from_millis(20);

impl Links {
    /// Takes up at a start what was interrupted.
    pub(super) async fn resume(&self) -> Result<(), ControlError> {
        self.refresh().await?;
        self.note_addresses().await?;
        // Whoever wanted to join is not there any more; nothing was promised.
        if matches!(self.memory().own.state, State::Asking { .. }) {
            self.step(&Actor::host("link"), Event::GiveUp, |_| {})
                .await?;
        }
        self.open_port().await
    }

    /// Links this host to the one that the token is of. Comes back when it is a
    /// member, or when it is not.
    pub(crate) async fn join(&self, actor: &Actor, join: &Join) -> Result<Link, ControlError> {
        let text = join.token.trim();
        let token: Token = text.parse().map_err(|error: muster_peering::TokenError| {
            ControlError::invalid("token", error.to_string())
        })?;
        {
            let memory = self.memory();
            if memory
                .lead
                .as_ref()
                .is_some_and(|lead| lead.cluster == token.cluster)
            {
                return Err(refused(&Refusal::Itself));
            }
            if memory.lead.is_some() {
                let followers = followers(&memory);
                return Err(still_leads(followers));
            }
        }
        let asked = !join.roles.is_empty();
        let roles = if asked { &join.roles } else { &token.roles };
        if asked {
            self.0.roles.know(roles)?;
        }
        let _turn = self.0.turn.lock().await;
        let join = Event::Join {
            link: token.id,
            followers: 0,
        };
        let kept = self.0.sealer.seal(own::TOKEN, text)?;
        self.step(actor, join, move |own| own.token = Some(kept))
            .await?;
        if let Err(error) = self.exchange(actor).await {
            // Nothing is promised as long as this host has not confirmed.
            self.step(actor, Event::GiveUp, |_| {}).await?;
            return Err(error);
        }
        // What the host is not for goes before it gets any of it.
        if !roles.is_empty()
            && let Err(error) = self.0.roles.have_only(actor, roles).await
        {
            tracing::warn!(%error, "the host is linked, but its roles are not those that it is to have");
        }
        // Confirmed now, or by the heartbeat, which tries again and again.
        if let Err(error) = self.exchange(actor).await {
            tracing::warn!(%error, "the link is not confirmed yet; it is tried again");
        }
        self.0.wake.notify_one();
        self.show()
    }

    /// Takes this host out of its group.
    pub(crate) async fn leave(&self, actor: &Actor, leave: Leave) -> Result<Link, ControlError> {
        let _turn = self.0.turn.lock().await;
        if leave.abandon {
            self.step(actor, Event::Abandon, |_| {}).await?;
        } else {
            self.step(actor, Event::Leave, |_| {}).await?;
            self.exchange(actor).await?;
        }
        self.show()
    }

    /// Says hello as long as this host follows, and looks after what takes too
    /// long while it leads.
    pub(crate) async fn keep_up(self, stop: CancellationToken) {
        let actor = Actor::host("link");
        loop {
            let instances = self.0.fleet.here.changed();
            tokio::select! {
                () = tokio::time::sleep(HEARTBEAT) => {}
                () = instances => tokio::time::sleep(SETTLE).await,
                () = self.0.wake.notified() => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = self.beat(&actor).await {
                tracing::debug!(%error, "the link was not kept up; it is tried again");
            }
        }
    }

    async fn beat(&self, actor: &Actor) -> Result<(), ControlError> {
        self.note_addresses().await?;
        let (state, leads) = {
            let memory = self.memory();
            (memory.own.state, memory.lead.is_some())
        };
        if leads {
            self.tick().await?;
            self.renew_own().await?;
            return self.announce().await;
        }
        if matches!(state, State::Alone | State::Asking { .. }) {
            return Ok(());
        }
        let _turn = self.0.turn.lock().await;
        self.exchange(actor).await?;
        self.renew_leaf().await
    }

    /// Notes where this host is.
    pub(super) async fn note_addresses(&self) -> Result<(), ControlError> {
        let list = self.addresses_now();
        let (changed, own) = {
            let mut memory = self.memory();
            let known = memory.own.addresses.generation;
            (memory.own.addresses.set(list, known), memory.own.clone())
        };
        if changed {
            self.keep(own).await?;
        }
        Ok(())
    }

    /// Steps the membership, keeps what comes of it, and does what can be done
    /// here at once.
    async fn step(
        &self,
        actor: &Actor,
        event: Event,
        with: impl FnOnce(&mut Own) + Send,
    ) -> Result<(), ControlError> {
        let mut own = self.memory().own.clone();
        let mut forgets = false;
        let (next, effects) =
            joiner::step(&own.state, event).map_err(|refusal| refused(&refusal))?;
        let (before, mut told) = (own.state, None);
        own.state = next;
        for effect in &effects {
            match effect {
                Effect::Forget => {
                    own.forget();
                    forgets = true;
                }
                Effect::Tell(how) => {
                    own.ended = Some(ending(*how));
                    tracing::warn!(why = ending(*how), "this host is not linked any more");
                }
                Effect::Refused(refusal) => told = Some(refused(refusal)),
                Effect::Send { .. } => {}
            }
        }
        with(&mut own);
        if before != next {
            let (kept, actor, name) = (own.clone(), actor.clone(), self.0.host.to_string());
            let verb = verb(&next);
            self.0
                .store
                .write(move |tx| {
                    Box::pin(async move {
                        own::save(tx, &kept).await?;
                        if forgets {
                            own::save_followed(tx, None).await?;
                        }
                        record(tx, &actor, change("link", &name, verb, ChangeKind::Updated)).await
                    })
                })
                .await?;
            {
                let mut memory = self.memory();
                memory.own = own;
                if forgets {
                    memory.followed = Arc::default();
                }
            }
            self.0.told.notify_waiters();
            self.refresh().await?;
            self.open_port().await?;
        }
        told.map_or(Ok(()), Err)
    }

    async fn keep(&self, own: Own) -> Result<(), ControlError> {
        self.0
            .store
            .write(move |tx| Box::pin(async move { own::save(tx, &own).await }))
            .await?;
        Ok(())
    }

    /// Says to the leader what has to be said as this host stands, and takes the
    /// answer.
    async fn exchange(&self, actor: &Actor) -> Result<(), ControlError> {
        let state = self.memory().own.state;
        let request = match state {
            State::Alone => return Ok(()),
            State::Asking { .. } => return self.ask(actor).await,
            State::Confirming { .. } => Request::Confirm,
            State::Following { .. } => Request::Hello,
            State::Leaving { .. } => Request::Leave,
        };
        self.say(actor, request).await
    }

    async fn ask(&self, actor: &Actor) -> Result<(), ControlError> {
        let sealed = self.memory().own.token.clone().unwrap_or_default();
        let token = self.0.sealer.open(own::TOKEN, &sealed)?;
        let token: Token = token.expose().parse().map_err(|_| {
            ControlError::Internal("the link token that is kept is damaged".to_owned())
        })?;
        let config = joiner_config(&token.pins, WORDS_ALPN).map_err(damaged)?;
        let csr = self.0.key.csr(self.0.host.0).map_err(damaged)?;
        let (facts, about) = (self.facts().await?, self.about().await);
        let name = self.0.name.get();
        let asked = call::<_, Asked>(
            &token.addresses,
            config,
            "/peer/v1/ask",
            Patience::WORDS,
            |exporter| Ask {
                link: token.id,
                proof: BASE64_STANDARD.encode(proof::prove(&token.secret, exporter, &csr)),
                csr: BASE64_STANDARD.encode(&csr),
                facts,
                name,
                about,
            },
        );
        let (asked, leader) = asked.await.map_err(|error| match error {
            CallError::Distrust(distrust) => refused(&Refusal::from(distrust)),
            CallError::Unreachable => refused(&Refusal::Unreachable {
                tried: token.addresses.clone(),
            }),
            CallError::Answer(error) => odd(&error),
        })?;
        let answer = Event::Answer {
            link: token.id,
            leader,
            reply: asked.reply,
        };
        let Some(welcome) = asked.welcome else {
            return self.step(actor, answer, |_| {}).await;
        };
        let leaf = Leaf::from_pem(&welcome.leaf).map_err(damaged)?;
        let anchors = Anchors::from_pem(&welcome.anchors).map_err(damaged)?;
        leaf.check(self.0.host.0, &self.0.key, &anchors)
            .map_err(damaged)?;
        self.step(actor, answer, move |own| {
            own.token = None;
            own.ended = None;
            own.leaf = Some(welcome.leaf);
            own.anchors = Some(welcome.anchors);
            own.cluster = Some(welcome.cluster);
            own.leader = Some(welcome.leader);
        })
        .await
    }

    async fn say(&self, actor: &Actor, request: Request) -> Result<(), ControlError> {
        let own = self.memory().own.clone();
        let (Some(link), Some(leader), Some((leaf, anchors))) =
            (own.state.link(), own.state.leader(), own.papers()?)
        else {
            return Ok(());
        };
        let config =
            leader_config(&leaf, &self.0.key, &anchors, &leader, WORDS_ALPN).map_err(damaged)?;
        let addresses = own.leader.clone().unwrap_or_default().addresses;
        let (about, name) = (self.about().await, self.0.name.get());
        let instances = self.0.fleet.here.reports();
        let (sent, began) = (muster_store::now(), Instant::now());
        let said = call::<_, Said>(&addresses, config, "/peer/v1/say", Patience::WORDS, |_| {
            Say {
                link,
                request,
                name,
                about,
                instances,
            }
        });
        let reply = match said.await {
            Ok((said, _)) => self.heed(sent, began, said).await?,
            // It was recognised before it said so: this is its word.
            Err(CallError::Distrust(Distrust::NotAMember)) => Reply::NotKnown(None),
            Err(CallError::Answer(error)) => return Err(odd(&error)),
            Err(error) => {
                tracing::debug!(%error, "the leader cannot be reached");
                return Err(refused(&Refusal::Unreachable { tried: addresses }));
            }
        };
        let answer = Event::Answer {
            link,
            leader,
            reply,
        };
        self.step(actor, answer, |_| {}).await
    }

    /// Takes what the leader says beside its answer: its time, where it is, whom
    /// to trust.
    async fn heed(
        &self,
        sent: time::OffsetDateTime,
        began: Instant,
        said: Said,
    ) -> Result<Reply, ControlError> {
        let skew = Skew::measure(sent, began.elapsed(), said.time);
        let mut changed = None;
        {
            let mut memory = self.memory();
            memory.offset = skew.offset;
            memory.leader_seen = Some((Instant::now(), muster_store::now()));
            let before = memory.own.clone();
            if said.reply == Reply::Member {
                memory.own.leader = Some(said.leader);
                if !said.anchors.is_empty() {
                    memory.own.anchors = Some(said.anchors);
                }
                let list = memory.own.addresses.list.clone();
                memory.own.addresses.set(list, said.generation);
            }
            if before.leader != memory.own.leader
                || before.anchors != memory.own.anchors
                || before.addresses != memory.own.addresses
            {
                changed = Some(memory.own.clone());
            }
        }
        if let Some(own) = changed {
            self.keep(own).await?;
        }
        Ok(said.reply)
    }

    /// Gets a new certificate in time.
    async fn renew_leaf(&self) -> Result<(), ControlError> {
        let own = self.memory().own.clone();
        let State::Following { link, leader } = own.state else {
            return Ok(());
        };
        let Some((leaf, anchors)) = own.papers()? else {
            return Ok(());
        };
        let leader_time = muster_store::now() + self.memory().offset;
        if !leaf.is_due(leader_time, share(&leaf)) {
            return Ok(());
        }
        let config =
            leader_config(&leaf, &self.0.key, &anchors, &leader, WORDS_ALPN).map_err(damaged)?;
        let addresses = own.leader.clone().unwrap_or_default().addresses;
        let csr = self.0.key.csr(self.0.host.0).map_err(damaged)?;
        let renewed = call::<_, Renewed>(
            &addresses,
            config,
            "/peer/v1/renew",
            Patience::WORDS,
            |_| Renew {
                link,
                csr: BASE64_STANDARD.encode(&csr),
            },
        );
        let (renewed, _) = renewed.await.map_err(|error| odd(&error.to_string()))?;
        let Some(pem) = renewed.leaf else {
            return Ok(());
        };
        let leaf = Leaf::from_pem(&pem).map_err(damaged)?;
        leaf.check(self.0.host.0, &self.0.key, &anchors)
            .map_err(damaged)?;
        let own = {
            let mut memory = self.memory();
            memory.own.leaf = Some(pem);
            memory.own.clone()
        };
        self.keep(own).await?;
        tracing::info!(until = %leaf.not_after(), "this host has a new certificate");
        self.open_port().await
    }

    /// The leader gives itself a new certificate in time.
    async fn renew_own(&self) -> Result<(), ControlError> {
        let Some(mut lead) = self.memory().lead.clone() else {
            return Ok(());
        };
        let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
        let now = muster_store::now();
        if !leaf.is_due(now, share(&leaf)) {
            return Ok(());
        }
        let csr = self.0.key.csr(self.0.host.0).map_err(damaged)?;
        let issued = self
            .authority(&lead)?
            .issue(&csr, self.0.host.0, now, LEAF_LIFE);
        lead.leaf = issued.map_err(damaged)?.to_pem();
        let kept = lead.clone();
        self.0
            .store
            .write(move |tx| Box::pin(async move { own::save_lead(tx, Some(&kept)).await }))
            .await?;
        self.memory().lead = Some(lead);
        self.open_port().await
    }

    /// Tells followers where the leader is: all of them when it has started or
    /// moved, and otherwise those that cannot find it.
    async fn announce(&self) -> Result<(), ControlError> {
        let (lead, moved) = {
            let mut memory = self.memory();
            let Some(lead) = memory.lead.clone() else {
                return Ok(());
            };
            let now = Some(memory.own.addresses.list.clone());
            let moved = memory.announced != now;
            memory.announced = now;
            (lead, moved)
        };
        let now = self.monotonic();
        let silent = |links: &Self, id| {
            let memory = links.memory();
            let since = memory.presence.get(&id).map(|one| one.health(now));
            since == Some(muster_peering::membership::presence::Health::Unreachable)
        };
        let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
        let anchors = self.anchors(&lead)?;
        for host in self.0.store.host_all().await? {
            if !moved && !silent(self, host.id) {
                continue;
            }
            let config = client_config(&leaf, &self.0.key, &anchors, host.id.0, WORDS_ALPN);
            let (config, here) = (config.map_err(damaged)?, self.whereabouts());
            tokio::spawn(async move {
                let told = call::<_, ()>(
                    &host.about.addresses,
                    config,
                    "/peer/v1/here",
                    Patience::WORDS,
                    |_| here,
                )
                .await;
                if let Err(error) = told {
                    tracing::debug!(host = host.name, %error, "a follower was not told where the leader is");
                }
            });
        }
        Ok(())
    }

    /// The leader says where it is.
    pub(crate) async fn leader_is(
        &self,
        peer: PeerIdentity,
        leader: Whereabouts,
    ) -> Result<(), ControlError> {
        let own = {
            let mut memory = self.memory();
            if memory.own.state.leader() != Some(peer)
                || leader.addresses.is_empty()
                || memory.own.leader.as_ref() == Some(&leader)
            {
                return Ok(());
            }
            memory.own.leader = Some(leader);
            memory.own.clone()
        };
        self.keep(own).await?;
        self.0.wake.notify_one();
        Ok(())
    }
}

/// When in its life a certificate is renewed, from 0 to 1: the same after each
/// start, and another for each certificate, so that not all hosts come at once.
fn share(leaf: &Leaf) -> f64 {
    let bytes = leaf.fingerprint();
    let mixed = leaf.not_after().unix_timestamp() ^ i64::from(bytes.as_bytes()[0]);
    f64::from(u8::try_from(mixed.rem_euclid(256)).unwrap_or(0)) / 255.0
}

fn verb(state: &State) -> &'static str {
    match state {
        State::Alone => "end",
        State::Asking { .. } => "ask",
        State::Confirming { .. } => "confirm",
        State::Following { .. } => "follow",
        State::Leaving { .. } => "leave",
    }
}

fn ending(how: Option<Ending>) -> String {
    match how {
        Some(Ending::ForcedOut) => "this host was given up for lost and forced out on the leader",
        Some(Ending::Removed) => "this host was removed on the leader",
        Some(Ending::Lapsed) => "the link was not confirmed in time",
        Some(Ending::Left | Ending::Expired | Ending::Withdrawn) | None => {
            "the leader has taken this host out of the group, or forgotten it"
        }
    }
    .to_owned()
}

fn odd(error: &str) -> ControlError {
    ControlError::Conflict {
        code: "leader-odd",
        message: format!("the leader did not answer as it should: {error}"),
        remedy: "see that both hosts have the same version".to_owned(),
    }
}

fn still_leads(followers: u32) -> ControlError {
    if followers > 0 {
        return refused(&Refusal::HasFollowers { followers });
    }
    ControlError::Conflict {
        code: "still-leads",
        message: "this host is a leader itself".to_owned(),
        remedy: "run `muster link stop-leading` here first, or link the other way round".to_owned(),
    }
}
