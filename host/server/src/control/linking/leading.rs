//! The leader's side: link tokens, and hosts that ask to be let in with one.

use base64::{Engine, prelude::BASE64_STANDARD};
use muster_api::{
    audit::AuditOutcome,
    hosts::About,
    id::{HostId, LinkId},
    links::{LONGEST_LIFE, LinkToken, LinkTokenSecret, LinkTokenState, NewLinkToken, USUAL_LIFE},
    page::{Page, PageQuery},
    plan::Plan,
};
use muster_peering::{
    Anchors, Authority, Leaf, LinkToken as Token,
    membership::{Facts, Refusal, Reply, check_join, joiner, leader},
    proof,
    tls::PeerIdentity,
};
use muster_store::{AuditEntry, ChangeKind, HostRecord, MembershipRecord, Reader, StoreError, Tx};
use rand::RngExt;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    ControlError, Links, damaged,
    own::{self, Lead, uuid},
    refused,
};
use crate::{
    control::{
        record::{Actor, Change, record},
        terms::Terms,
        views::page_of,
    },
    peers::{
        Connection,
        words::{Ask, Asked, Welcome, Whereabouts},
    },
};

/// How long a host's certificate is good. It is renewed at a random 50 to 80 %
/// of it.
pub(super) const LEAF_LIFE: Duration = Duration::days(30);
/// The shortest life of a token, in seconds: less than somebody needs to paste it.
const SHORTEST_LIFE: u64 = 10;

impl Links {
    /// Makes a link token; the first one makes this host a leader.
    pub(crate) async fn token(
        &self,
        actor: &Actor,
        new: NewLinkToken,
    ) -> Result<LinkTokenSecret, ControlError> {
        let life = new.life_s.unwrap_or(USUAL_LIFE);
        if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&life) {
            let message = format!("a token is good for {SHORTEST_LIFE} to {LONGEST_LIFE} seconds");
            return Err(ControlError::invalid("life_s", message));
        }
        if !self.0.options.multi_node {
            let side = muster_peering::membership::Side::Leader;
            return Err(refused(&Refusal::MultiNodeOff { side }));
        }
        if !self.memory().own.state.may_lead() {
            return Err(refused(&Refusal::NotALeader));
        }
        let lead = self.lead(actor).await?;
        self.note_addresses().await?;
        let now = muster_store::now();
        let token = Token {
            cluster: lead.cluster,
            pins: vec![self.authority(&lead)?.pin()],
            addresses: self.memory().own.addresses.list.clone(),
            id: Uuid::now_v7(),
            secret: rand::rng().random(),
            expires_at: now + Duration::seconds(i64::try_from(life).unwrap_or(i64::MAX)),
            roles: new.roles,
        };
        token
            .check()
            .map_err(|error| ControlError::invalid("roles", error.to_string()))?;
        let state = leader::State::Offered {
            expires_at: token.expires_at,
        };
        let membership = MembershipRecord {
            id: LinkId(token.id),
            secret_hash: BASE64_STANDARD.encode(token.secret_hash()),
            state: value(&state)?,
            host: None,
            roles: token.roles.clone(),
            created_by: actor.name.clone(),
            created_at: now,
        };
        let actor = actor.clone();
        self.0
            .store
            .write(move |tx| {
                Box::pin(async move {
                    tx.membership_put(&membership).await?;
                    let name = membership.id.to_string();
                    record(
                        tx,
                        &actor,
                        change("link-token", &name, "create", ChangeKind::Created),
                    )
                    .await
                })
            })
            .await?;
        Ok(LinkTokenSecret {
            id: LinkId(token.id),
            expires_at: token.expires_at,
            addresses: token.addresses.clone(),
            token: token.to_string(),
        })
    }

    /// One page of link tokens, newest first, without their secrets.
    pub(crate) async fn tokens(&self, query: &PageQuery) -> Result<Page<LinkToken>, ControlError> {
        let now = muster_store::now();
        let all = self.0.store.membership_all().await?;
        let mut items = all
            .into_iter()
            .map(|record| shown(record, now))
            .collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        page_of(items, query)
    }

    /// Withdraws a link token that nobody has used.
    pub(crate) async fn withdraw(
        &self,
        actor: &Actor,
        terms: &Terms,
        id: &str,
    ) -> Result<Plan, ControlError> {
        let not_found = || ControlError::not_found("link-token", id);
        let link = id.parse::<LinkId>().map_err(|_| not_found())?;
        let (actor, terms, name) = (actor.clone(), terms.clone(), id.to_owned());
        self.0
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let found = tx.membership_get(link).await?;
                    let mut found =
                        found.ok_or_else(|| ControlError::not_found("link-token", &name))?;
                    let stepped = leader::step(
                        &state(&found)?,
                        leader::Event::Withdraw,
                        muster_store::now(),
                    );
                    let (next, _) = stepped.map_err(|refusal| refused(&refusal))?;
                    found.state = value(&next)?;
                    tx.membership_put(&found).await?;
                    record(
                        tx,
                        &actor,
                        change("link-token", &name, "withdraw", ChangeKind::Deleted),
                    )
                    .await?;
                    Ok(Plan {
                        removes: vec![format!("the link token {name}")],
                        done: !terms.dry_run,
                        ..Plan::default()
                    })
                })
            })
            .await
    }

    /// Ends this host's being a leader, so that it can follow another one.
    pub(crate) async fn stop_leading(
        &self,
        actor: &Actor,
        terms: &Terms,
    ) -> Result<Plan, ControlError> {
        let (actor, keep) = (actor.clone(), !terms.dry_run);
        let host = self.0.host.to_string();
        let plan = self
            .0
            .store
            .write_if(keep, move |tx| {
                Box::pin(async move {
                    if own::lead(tx).await?.is_none() {
                        return Err(refused(&Refusal::NotLinked));
                    }
                    let now = muster_store::now();
                    let records = tx.membership_all().await?;
                    let states = records.iter().map(state).collect::<Result<Vec<_>, _>>()?;
                    leader::stop_leading(&states).map_err(|refusal| refused(&refusal))?;
                    let mut offered = 0;
                    for mut found in records {
                        if let Ok((next, _)) =
                            leader::step(&state(&found)?, leader::Event::Withdraw, now)
                        {
                            offered += usize::from(state(&found)? != next);
                            found.state = value(&next)?;
                            tx.membership_put(&found).await?;
                        }
                    }
                    own::save_lead(tx, None).await?;
                    record(
                        tx,
                        &actor,
                        change("link", &host, "stop-leading", ChangeKind::Updated),
                    )
                    .await?;
                    Ok(Plan {
                        removes: vec![
                            "the group's certificate authority".to_owned(),
                            format!("{offered} link tokens that nobody has used"),
                        ],
                        changes: vec!["this host can join another group".to_owned()],
                        done: keep,
                    })
                })
            })
            .await?;
        if keep {
            self.memory().lead = None;
            self.open_port().await?;
        }
        Ok(plan)
    }

    /// What this host has as a leader. It becomes one unless it is.
    async fn lead(&self, actor: &Actor) -> Result<Lead, ControlError> {
        if let Some(lead) = self.memory().lead.clone() {
            return Ok(lead);
        }
        let (now, cluster) = (muster_store::now(), Uuid::now_v7());
        let authority = Authority::generate(cluster, now).map_err(damaged)?;
        let host = uuid(self.0.host);
        let csr = self.0.key.csr(host).map_err(damaged)?;
        let leaf = authority
            .issue(&csr, host, now, LEAF_LIFE)
            .map_err(damaged)?;
        let made = Lead {
            cluster,
            authority: self.0.sealer.seal(own::AUTHORITY, &authority.to_pem())?,
            leaf: leaf.to_pem(),
        };
        self.memory().lead = Some(made.clone());
        // First the port, which may be taken; then what lasts.
        if let Err(error) = self.open_port().await {
            self.memory().lead = None;
            return Err(error);
        }
        let (kept, actor, name) = (made.clone(), actor.clone(), self.0.host.to_string());
        self.0
            .store
            .write(move |tx| {
                Box::pin(async move {
                    own::save_lead(tx, Some(&kept)).await?;
                    record(
                        tx,
                        &actor,
                        change("link", &name, "lead", ChangeKind::Updated),
                    )
                    .await
                })
            })
            .await?;
        Ok(made)
    }

    /// A host asks to be let in.
    pub(crate) async fn asked(
        &self,
        connection: &Connection,
        ask: Ask,
    ) -> Result<Asked, ControlError> {
        let Some(lead) = self.memory().lead.clone() else {
            return Ok(no(Refusal::NotALeader));
        };
        let (Ok(proof), Ok(csr)) = (
            BASE64_STANDARD.decode(&ask.proof),
            BASE64_STANDARD.decode(&ask.csr),
        ) else {
            return Ok(no(Refusal::ProofWrong));
        };
        let now = muster_store::now();
        let Ok(leaf) = self
            .authority(&lead)?
            .issue(&csr, ask.facts.host, now, LEAF_LIFE)
        else {
            return Ok(no(Refusal::ProofWrong));
        };
        let entrance = Entrance {
            peer: PeerIdentity {
                host: ask.facts.host,
                fingerprint: leaf.fingerprint(),
            },
            link: LinkId(ask.link),
            proof,
            csr,
            exporter: connection.exporter,
            ours: self.facts().await?,
            theirs: ask.facts,
            name: ask.name,
            about: ask.about,
            not_after: leaf.not_after(),
            from: connection.address.ip().to_string(),
        };
        let refusal = self
            .0
            .store
            .write_or_refuse(move |tx| Box::pin(async move { entrance.ask(tx, now).await }))
            .await?;
        if let Err(refusal) = refusal {
            return Ok(no(refusal));
        }
        self.refresh().await?;
        Ok(Asked {
            reply: Reply::Accepted,
            welcome: Some(self.welcome(&lead, &leaf)?),
        })
    }

    fn welcome(&self, lead: &Lead, leaf: &Leaf) -> Result<Welcome, ControlError> {
        Ok(Welcome {
            cluster: lead.cluster,
            leaf: leaf.to_pem(),
            anchors: self.anchors(lead)?.to_pem(),
            leader: self.whereabouts(),
        })
    }

    /// The group's authority, with its key.
    pub(super) fn authority(&self, lead: &Lead) -> Result<Authority, ControlError> {
        let pem = self.0.sealer.open(own::AUTHORITY, &lead.authority)?;
        Authority::from_pem(pem.expose()).map_err(damaged)
    }

    /// The authorities that members are to trust.
    pub(super) fn anchors(&self, lead: &Lead) -> Result<Anchors, ControlError> {
        Anchors::new([self.authority(lead)?.certificate()]).map_err(damaged)
    }

    /// This host's name and addresses.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            name: self.0.name.get(),
            addresses: self.memory().own.addresses.list.clone(),
        }
    }
}

/// A host that asks to be let in.
struct Entrance {
    peer: PeerIdentity,
    link: LinkId,
    proof: Vec<u8>,
    csr: Vec<u8>,
    exporter: [u8; 32],
    ours: Facts,
    theirs: Facts,
    name: String,
    about: About,
    not_after: OffsetDateTime,
    from: String,
}

impl Entrance {
    /// Uses the token up and makes the host a member that has yet to confirm, or
    /// says why not. Both is written in the transaction that decides it.
    async fn ask(self, tx: &Tx, now: OffsetDateTime) -> Result<Result<(), Refusal>, ControlError> {
        let Some(mut found) = tx.membership_get(self.link).await? else {
            return self.refuse(tx, Refusal::UnknownToken, now).await;
        };
        let hash = BASE64_STANDARD
            .decode(&found.secret_hash)
            .unwrap_or_default();
        let proven = <[u8; 32]>::try_from(hash)
            .is_ok_and(|hash| proof::check(&hash, &self.exporter, &self.csr, &self.proof));
        let others = tx.membership_all().await?;
        let others: Vec<_> = others
            .into_iter()
            .filter(|one| one.id != self.link)
            .collect();
        let theirs = Facts {
            fingerprint: self.peer.fingerprint,
            ..self.theirs.clone()
        };
        let mut admissible = check_join(&self.ours, &theirs);
        for other in &others {
            admissible = admissible.and(leader::hindrance(&state(other)?, self.peer));
        }
        let event = leader::Event::Ask {
            peer: self.peer,
            proven,
            admissible,
        };
        let next = match leader::step(&state(&found)?, event, now) {
            Ok((next, _)) => next,
            Err(refusal) => return self.refuse(tx, refusal, now).await,
        };
        for mut other in others {
            if other.host != Some(HostId(self.peer.host)) {
                continue;
            }
            if let Ok((next, _)) = leader::step(&state(&other)?, leader::Event::Supersede, now) {
                other.state = value(&next)?;
                tx.membership_put(&other).await?;
            }
        }
        found.state = value(&next)?;
        found.host = Some(HostId(self.peer.host));
        tx.membership_put(&found).await?;
        let host = HostRecord {
            id: HostId(self.peer.host),
            membership: self.link,
            name: self.name,
            fingerprint: self.peer.fingerprint.to_string(),
            about: self.about,
            linked_at: now,
            last_seen_at: now,
            certificate_not_after: self.not_after,
        };
        tx.host_put(&host).await?;
        let actor = Actor {
            origin: Some(self.from),
            ..Actor::host(&found.created_by)
        };
        record(
            tx,
            &actor,
            change("host", &host.name, "let-in", ChangeKind::Created),
        )
        .await?;
        Ok(Ok(()))
    }

    async fn refuse(
        &self,
        tx: &Tx,
        refusal: Refusal,
        now: OffsetDateTime,
    ) -> Result<Result<(), Refusal>, ControlError> {
        if refusal.is_audited() {
            let entry = AuditEntry {
                at: now,
                actor: self.name.clone(),
                credential: Some(format!("link-token {}", self.link)),
                action: "host.let-in".to_owned(),
                subject: self.peer.host.to_string(),
                outcome: AuditOutcome::Refused,
                reason: Some(refusal.code().to_owned()),
                times: 1,
                origin: Some(self.from.clone()),
                request_id: None,
                before: None,
                after: Some(json!({ "fingerprint": self.peer.fingerprint })),
            };
            tx.audit_append(&entry).await?;
        }
        Ok(Err(refusal))
    }
}

fn no(refusal: Refusal) -> Asked {
    Asked {
        reply: Reply::AskRefused(refusal),
        welcome: None,
    }
}

/// A membership's state as the state machine has it.
pub(super) fn state(record: &MembershipRecord) -> Result<leader::State, ControlError> {
    serde_json::from_value(record.state.clone()).map_err(|error| {
        ControlError::Store(StoreError::Damaged(format!("memberships.state: {error}")))
    })
}

pub(super) fn value(state: &leader::State) -> Result<Value, ControlError> {
    serde_json::to_value(state).map_err(|error| ControlError::Internal(error.to_string()))
}

/// A change of what is linked, without more to tell than that.
pub(super) fn change<'a>(
    resource: &'static str,
    name: &'a str,
    verb: &'static str,
    kind: ChangeKind,
) -> Change<'a> {
    Change {
        resource,
        project: None,
        id: name.to_owned(),
        name,
        verb,
        kind,
        before: None,
        after: None,
    }
}

fn shown(record: MembershipRecord, now: OffsetDateTime) -> Result<LinkToken, ControlError> {
    let by_now = leader::step(&state(&record)?, leader::Event::Tick, now);
    let (state, _) = by_now.map_err(|refusal| refused(&refusal))?;
    Ok(LinkToken {
        id: record.id,
        state: match state {
            leader::State::Offered { .. } => LinkTokenState::Offered,
            leader::State::Pending { .. } => LinkTokenState::Pending,
            leader::State::Joined { .. } => LinkTokenState::Used,
            leader::State::Ended { .. } => LinkTokenState::Ended,
        },
        expires_at: match state {
            leader::State::Offered { expires_at } => Some(expires_at),
            _ => None,
        },
        host: record.host,
        roles: record.roles,
        created_by: record.created_by,
        created_at: record.created_at,
    })
}

/// All memberships with their states.
pub(super) async fn memberships(
    db: &Reader,
) -> Result<Vec<(MembershipRecord, leader::State)>, ControlError> {
    let all = db.membership_all().await?;
    all.into_iter()
        .map(|record| state(&record).map(|state| (record, state)))
        .collect()
}

/// Whether a host may still be asked to join by its own standing.
pub(super) fn followers(memory: &super::Memory) -> u32 {
    match memory.own.state {
        joiner::State::Alone => u32::try_from(memory.presence.len()).unwrap_or(u32::MAX),
        _ => 0,
    }
}
