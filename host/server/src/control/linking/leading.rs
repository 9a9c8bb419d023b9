//! The leader's side: link tokens, and hosts that ask to be let in with one.

use base64::{Engine, prelude::BASE64_STANDARD};
use muster_api::{
    id::LinkId,
    links::{LONGEST_LIFE, LinkToken, LinkTokenSecret, LinkTokenState, NewLinkToken, USUAL_LIFE},
    page::{Page, PageQuery},
    plan::Plan,
};
use muster_peering::{
    Anchors, Authority, LinkToken as Token,
    membership::{Refusal, leader},
};
use muster_store::{ChangeKind, MembershipRecord, Reader, StoreError};
use rand::RngExt;
use serde_json::Value;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    ControlError, Links, damaged,
    own::{self, Lead, uuid},
    refused,
};
use crate::control::{
    record::{Actor, Change, record},
    terms::Terms,
    views::page_of,
};

/// How long a host's certificate is good. It is renewed at a random 50 to 80 %
/// of it.
pub(super) const LEAF_LIFE: Duration = Duration::days(30);
/// How many addresses a token has at most.
const MOST_ADDRESSES: usize = muster_peering::MOST_ADDRESSES;
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
        {
            let memory = self.memory();
            if memory.lead.is_none() && !memory.own.state.may_lead() {
                return Err(refused(&Refusal::NotALeader));
            }
        }
        let lead = self.lead(actor).await?;
        self.note_addresses().await?;
        let now = muster_store::now();
        let token = Token {
            cluster: lead.cluster,
            pins: vec![self.authority(&lead)?.pin()],
            addresses: self.asked_at().await?,
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
        self.state()
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

    /// Where a host may ask to be let in: here, and at the other hosts that may lead
    /// by then.
    async fn asked_at(&self) -> Result<Vec<String>, ControlError> {
        let mut all = self.memory().own.addresses.list.clone();
        let control = self.control_plane();
        for host in self.others().await? {
            if control.contains(&host.id) {
                all.extend(host.about.addresses);
            }
        }
        all.truncate(MOST_ADDRESSES);
        Ok(all)
    }

    /// One page of link tokens, newest first, without their secrets.
    pub(crate) async fn tokens(&self, query: &PageQuery) -> Result<Page<LinkToken>, ControlError> {
        let now = muster_store::now();
        let all = self.state().membership_all().await?;
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
        self.state()
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
            .state()
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
            authority: self
                .state_sealer()
                .seal(own::AUTHORITY, &authority.to_pem())?,
            leaf: leaf.to_pem(),
        };
        self.memory().lead = Some(made.clone());
        // First the port, which may be taken; then what lasts.
        if let Err(error) = self.open_port().await {
            self.memory().lead = None;
            return Err(error);
        }
        let (kept, actor, name) = (made.clone(), actor.clone(), self.0.host.to_string());
        self.state()
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

    /// The group's authority, with its key.
    pub(super) fn authority(&self, lead: &Lead) -> Result<Authority, ControlError> {
        let pem = self.state_sealer().open(own::AUTHORITY, &lead.authority)?;
        Authority::from_pem(pem.expose()).map_err(damaged)
    }

    /// The authorities that members are to trust.
    pub(super) fn anchors(&self, lead: &Lead) -> Result<Anchors, ControlError> {
        Anchors::new([self.authority(lead)?.certificate()]).map_err(damaged)
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
    match memory.leader() {
        None => u32::try_from(memory.presence.len()).unwrap_or(u32::MAX),
        Some(_) => 0,
    }
}
