//! The hosts of the group as its leader shows them.

use std::collections::BTreeMap;

use muster_api::{
    hosts::{Applied, HostStanding, HostState, LinkedHost},
    id::HostId,
    page::{Page, PageQuery},
};
use muster_peering::{Leaf, membership::presence::Health};
use muster_store::HostRecord;

use super::{ControlError, Links, damaged};
use crate::{
    control::{content::against, views::page_of},
    roles::catalog::PRIMARY,
};

impl Links {
    /// One page of the group's hosts: the leader, then by name.
    pub(crate) async fn hosts(&self, query: &PageQuery) -> Result<Page<LinkedHost>, ControlError> {
        page_of(self.all().await?, query)
    }

    /// One host, by name or id.
    pub(crate) async fn host(&self, name: &str) -> Result<LinkedHost, ControlError> {
        let all = self.all().await?;
        let mut found = all
            .into_iter()
            .filter(|host| host.name == name || host.id.to_string() == name);
        let host = found
            .next()
            .ok_or_else(|| ControlError::not_found("host", name))?;
        if found.next().is_some() {
            return Err(ambiguous(name));
        }
        Ok(host)
    }

    pub(crate) async fn all(&self) -> Result<Vec<LinkedHost>, ControlError> {
        let mut all = Vec::new();
        let draining = self.draining().await?;
        let bundles = self.0.store.bundle_all().await?;
        let lead = self.memory().lead.clone();
        if let Some(lead) = lead {
            let leaf = Leaf::from_pem(&lead.leaf).map_err(damaged)?;
            let about = self.about().await;
            all.push(LinkedHost {
                id: self.0.host,
                name: self.0.name.get(),
                standing: HostStanding::Leader,
                state: match about.workloads {
                    0 => HostState::Ready,
                    _ => HostState::InUse,
                },
                draining: draining.contains(&self.0.host),
                applied: Applied::Current,
                about,
                fingerprint: self.0.key.fingerprint().to_string(),
                linked_at: leaf.issued_at(),
                last_seen_at: muster_store::now(),
                certificate_not_after: leaf.not_after(),
            });
        }
        for mut host in self.0.store.host_all().await? {
            host.about.content = against(&host.about.content, &bundles);
            all.push(LinkedHost {
                id: host.id,
                name: host.name,
                standing: HostStanding::Follower,
                state: self.health(host.id),
                draining: draining.contains(&host.id),
                applied: self.applied(&host.about),
                about: host.about,
                fingerprint: host.fingerprint,
                linked_at: host.linked_at,
                last_seen_at: host.last_seen_at,
                certificate_not_after: host.certificate_not_after,
            });
        }
        Ok(all)
    }

    /// The roles that other hosts of the group play, with the hosts' names.
    pub(crate) async fn roles_elsewhere(
        &self,
    ) -> Result<BTreeMap<String, Vec<String>>, ControlError> {
        let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for host in self.0.store.host_all().await? {
            for role in host.about.roles {
                roles.entry(role).or_default().push(host.name.clone());
            }
        }
        roles.extend(
            self.leader_name()
                .map(|leader| (PRIMARY.to_owned(), vec![leader])),
        );
        Ok(roles)
    }

    /// What needs attention about the group, a line each.
    pub(crate) async fn attention(&self) -> Result<Vec<String>, ControlError> {
        let hosts = self.0.store.host_all().await?;
        let lost = hosts
            .iter()
            .filter(|host| self.health(host.id) == HostState::Unreachable);
        let mut lines: Vec<_> = lost
            .map(|host| format!("host {}: nothing is heard of it", host.name))
            .collect();
        let link = self.show()?;
        if let Some(leader) = link.leader.filter(|leader| !leader.reachable) {
            lines.push(format!(
                "the leader {} cannot be reached; this host goes on with what it knows",
                leader.name
            ));
        }
        Ok(lines)
    }

    pub(super) async fn find(&self, name: &str) -> Result<HostRecord, ControlError> {
        let all = self.0.store.host_all().await?;
        let mut found = all
            .into_iter()
            .filter(|host| host.name == name || host.id.to_string() == name);
        let host = found
            .next()
            .ok_or_else(|| ControlError::not_found("host", name))?;
        if found.next().is_some() {
            return Err(ambiguous(name));
        }
        Ok(host)
    }

    pub(super) fn health(&self, id: HostId) -> HostState {
        let now = self.monotonic();
        let memory = self.memory();
        match memory.presence.get(&id).map(|one| one.health(now)) {
            None => HostState::Joining,
            Some(Health::Ready) => HostState::Ready,
            Some(Health::InUse) => HostState::InUse,
            Some(Health::Unreachable) => HostState::Unreachable,
        }
    }
}

/// Several hosts have that name.
pub(crate) fn ambiguous(name: &str) -> ControlError {
    ControlError::Conflict {
        code: "name-ambiguous",
        message: format!("several hosts are called '{name}'"),
        remedy: "name it by its id, which `muster link list` shows".to_owned(),
    }
}
