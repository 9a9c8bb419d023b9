//! What a host says to the leader that it follows or wants to follow, and what it
//! makes of the answer.

use std::time::Instant;

use base64::{Engine, prelude::BASE64_STANDARD};
use muster_peering::{
    Anchors, Leaf, LinkToken as Token,
    clock::Skew,
    membership::{Ending, Refusal, Reply, Request, joiner::Event},
    proof,
    tls::{Distrust, joiner_config, leader_config},
};

use super::{ControlError, Links, damaged, own, refused};
use crate::{
    control::record::Actor,
    peers::{
        CallError, Patience, WORDS_ALPN, call,
        words::{Ask, Asked, Said, Say},
    },
};

impl Links {
    pub(super) async fn ask(&self, actor: &Actor) -> Result<(), ControlError> {
        let sealed = self.memory().own.token.clone().unwrap_or_default();
        let token = self.0.sealer.open(own::TOKEN, &sealed)?;
        let token: Token = token.expose().parse().map_err(|_| {
            ControlError::Internal("the link token that is kept is damaged".to_owned())
        })?;
        let config = joiner_config(&token.pins, WORDS_ALPN).map_err(damaged)?;
        let csr = self.0.key.csr(self.0.host.0).map_err(damaged)?;
        let (facts, about) = (self.facts().await?, self.about().await);
        let name = self.0.name.get();
        let ask = |exporter: &[u8; 32]| Ask {
            link: token.id,
            proof: BASE64_STANDARD.encode(proof::prove(&token.secret, exporter, &csr)),
            csr: BASE64_STANDARD.encode(&csr),
            facts: facts.clone(),
            name: name.clone(),
            about: about.clone(),
        };
        let (path, patience) = ("/peer/v1/ask", Patience::WORDS);
        let mut asked =
            call::<_, Asked>(&token.addresses, config.clone(), path, patience, ask).await;
        // Of several hosts that may lead one does, and only that lets anybody in.
        for address in &token.addresses {
            if !matches!(asked, Err(CallError::Elsewhere)) {
                break;
            }
            let one = std::slice::from_ref(address);
            asked = match call(one, config.clone(), path, patience, ask).await {
                Err(CallError::Unreachable) => Err(CallError::Elsewhere),
                told => told,
            };
        }
        let (asked, leader) = asked.map_err(|error| match error {
            CallError::Distrust(distrust) | CallError::Refused(distrust) => {
                refused(&Refusal::from(distrust))
            }
            CallError::Unreachable | CallError::Unsure | CallError::Elsewhere => {
                refused(&Refusal::Unreachable {
                    tried: token.addresses.clone(),
                })
            }
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

    pub(super) async fn say(&self, actor: &Actor, request: Request) -> Result<(), ControlError> {
        let own = self.memory().own.clone();
        let (Some(link), Some(mut leader), Some((leaf, anchors))) =
            (own.state.link(), own.state.leader(), own.papers()?)
        else {
            return Ok(());
        };
        let config =
            leader_config(&leaf, &self.0.key, &anchors, &leader, WORDS_ALPN).map_err(damaged)?;
        let addresses = own.leader.clone().unwrap_or_default().addresses;
        let (meanwhile, known) = self.meanwhile();
        let words = Say {
            link,
            request,
            name: self.0.name.get(),
            about: self.about().await,
            instances: self.0.fleet.here.reports(),
            meanwhile,
        };
        let (mut sent, mut began) = (muster_store::now(), Instant::now());
        let (path, patience) = ("/peer/v1/say", Patience::WORDS);
        let succeeded = self.is_succeeded();
        let mut said = match succeeded {
            true => Err(CallError::Elsewhere),
            false => call(&addresses, config.clone(), path, patience, |_| &words).await,
        };
        let away = |said: &Result<_, CallError>| {
            matches!(
                said,
                Err(CallError::Unreachable | CallError::Distrust(_) | CallError::Elsewhere)
            )
        };
        // It answers that it leads no more; or this host knows that from the state they
        // share, and not who could lead in its place.
        let knows_better = match succeeded {
            true => leader.host != self.0.host.0 && self.may_lead().is_empty(),
            false => matches!(said, Err(CallError::Elsewhere)),
        };
        let predecessor = knows_better.then(|| (&addresses[..], config.clone()));
        if away(&said)
            && let Some(next) = self.successor(&words, predecessor).await
        {
            tracing::info!(leader = next.said.leader.name, "another host leads by now");
            let moved = Event::Moved {
                leader: next.leader,
            };
            let there = next.said.leader.clone();
            self.step(actor, moved, |own| own.leader = Some(there))
                .await?;
            (sent, began, leader) = (next.sent, next.began, next.leader);
            said = Ok((next.said, next.leader));
        }
        if away(&said) {
            // Both may have moved while they did not hear each other.
            let heard = self.hearsay(&addresses).await;
            if !heard.is_empty() {
                (sent, began) = (muster_store::now(), Instant::now());
                said = call(&heard, config, path, patience, |_| &words).await;
            }
        }
        let reply = match said {
            Ok((said, _)) => self.take_word(sent, began, said).await?,
            // A leader that does not remember, and one that leads others by now.
            Err(CallError::Refused(Distrust::NotAMember)) => Reply::NotKnown(None),
            Err(CallError::Refused(Distrust::OtherCluster)) => {
                Reply::NotKnown(Some(Ending::GroupEnded))
            }
            Err(CallError::Answer(error)) => return Err(odd(&error)),
            Err(error) => {
                tracing::debug!(%error, "the leader cannot be reached");
                return Err(refused(&Refusal::Unreachable { tried: addresses }));
            }
        };
        if reply == Reply::Member {
            self.told_meanwhile(known, !words.meanwhile.is_empty())
                .await?;
        }
        let answer = Event::Answer {
            link,
            leader,
            reply,
        };
        self.step(actor, answer, |_| {}).await
    }

    /// Takes what the leader says beside its answer: its time, where it is, whom
    /// to trust.
    async fn take_word(
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
}

pub(super) fn odd(error: &str) -> ControlError {
    ControlError::Conflict {
        code: "leader-odd",
        message: format!("the leader did not answer as it should: {error}"),
        remedy: "see that both hosts have the same version".to_owned(),
    }
}
