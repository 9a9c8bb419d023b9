//! The leader's side: hosts that ask to be let in with a link token.

use base64::{Engine, prelude::BASE64_STANDARD};
use muster_api::{
    audit::AuditOutcome,
    hosts::About,
    id::{HostId, LinkId},
};
use muster_peering::{
    Leaf,
    membership::{Facts, Refusal, Reply, check_join, leader},
    proof,
    tls::PeerIdentity,
};
use muster_store::{AuditEntry, ChangeKind, HostRecord, Tx};
use serde_json::json;
use time::OffsetDateTime;

use super::{
    ControlError, Links,
    leading::{LEAF_LIFE, change, state, value},
    no_leader,
    own::Lead,
};
use crate::{
    control::record::{Actor, record},
    peers::{
        Connection,
        words::{Ask, Asked, Welcome},
    },
};

impl Links {
    /// A host asks to be let in.
    pub(crate) async fn asked(
        &self,
        connection: &Connection,
        ask: Ask,
    ) -> Result<Asked, ControlError> {
        if self.stands_by() {
            return Err(no_leader());
        }
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
            .state()
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
