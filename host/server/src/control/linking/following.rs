//! The follower's side: joining, heartbeats, leaving.

use std::sync::Arc;

use muster_api::links::{Join, Leave, Link};
use muster_peering::{
    LinkToken as Token,
    membership::{
        Ending, Refusal, Request,
        joiner::{self, Effect, Event, State},
    },
};
use muster_store::{ChangeKind, StoreError};
use tokio_util::sync::CancellationToken;

use super::{
    ControlError, Links,
    leading::{change, followers},
    meanwhile::Meanwhile,
    own::{self, Own},
    refused,
};
use crate::control::record::{Actor, record};

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
    /// member and serves the group's apps, or when it is none.
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
        let turn = self.0.turn.lock().await;
        // It may have been taken out of its group a moment ago, and not know yet.
        if matches!(self.memory().own.state, State::Following { .. })
            && let Err(error) = self.exchange(actor).await
        {
            tracing::debug!(%error, "whether this host is linked still cannot be asked");
        }
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
        drop(turn);
        self.routes_for_group().await;
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
                () = tokio::time::sleep(self.until_next_look()) => {}
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
            self.tell_presence().await?;
            self.tick().await?;
            self.renew_own().await?;
            return self.announce().await;
        }
        if matches!(state, State::Alone | State::Asking { .. }) {
            return Ok(());
        }
        let _turn = self.0.turn.lock().await;
        if let Err(error) = self.exchange(actor).await {
            self.keep_meanwhile().await?;
            return Err(error);
        }
        self.renew_leaf().await
    }

    /// Steps the membership, keeps what comes of it, and does what can be done
    /// here at once.
    pub(super) async fn step(
        &self,
        actor: &Actor,
        event: Event,
        with: impl FnOnce(&mut Own) + Send,
    ) -> Result<(), ControlError> {
        let mut own = self.memory().own.clone();
        let mut forgets = false;
        let moved = matches!(event, Event::Moved { .. });
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
            let written = self
                .0
                .own
                .write(move |tx| {
                    Box::pin(async move {
                        own::save(tx, &kept).await?;
                        if forgets {
                            own::save_followed(tx, None).await?;
                            own::save_meanwhile(tx, &[]).await?;
                        }
                        record(tx, &actor, change("link", &name, verb, ChangeKind::Updated)).await
                    })
                })
                .await;
            match written {
                // Whom to follow is found again after a start: a host need not lose
                // the one that leads because its own disk is full.
                Err(error @ (StoreError::NoSpace | StoreError::ReadOnly)) if moved => {
                    tracing::warn!(%error, "who leads by now could not be kept");
                }
                written => written?,
            }
            {
                let mut memory = self.memory();
                memory.own = own;
                if forgets {
                    memory.followed = Arc::default();
                    memory.routed = None;
                    memory.meanwhile = Meanwhile::default();
                }
            }
            self.0.told.notify_waiters();
            self.refresh().await?;
            self.open_port().await?;
        }
        told.map_or(Ok(()), Err)
    }

    pub(super) async fn keep(&self, own: Own) -> Result<(), ControlError> {
        self.0
            .own
            .write(move |tx| {
                Box::pin(async move {
                    // A step that was taken meanwhile counts for more.
                    if own::load(tx).await?.state == own.state {
                        own::save(tx, &own).await?;
                    }
                    Ok(())
                })
            })
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
        Some(Ending::GroupEnded) => "the leader has ended the group",
        Some(Ending::Lapsed) => "the link was not confirmed in time",
        Some(Ending::Left | Ending::Expired | Ending::Withdrawn) | None => {
            "the leader has taken this host out of the group, or forgotten it"
        }
    }
    .to_owned()
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
