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
        one_called(name, all, |host| (&host.name, host.id))
    }

    pub(crate) async fn all(&self) -> Result<Vec<LinkedHost>, ControlError> {
        let mut all = Vec::new();
        let (draining, control) = (self.draining().await?, self.control_plane());
        let bundles = self.state().bundle_all().await?;
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
        for mut host in self.others().await? {
            host.about.content = against(&host.about.content, &bundles);
            all.push(LinkedHost {
                id: host.id,
                name: host.name,
                standing: match control.contains(&host.id) {
                    true => HostStanding::ControlPlane,
                    false => HostStanding::Follower,
                },
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
        for host in self.others().await? {
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
        let hosts = self.others().await?;
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

    /// The members of the group that this host leads, without itself: a
    /// control-plane host is a member, too.
    pub(super) async fn others(&self) -> Result<Vec<HostRecord>, ControlError> {
        let mut all = self.state().host_all().await?;
        all.retain(|host| host.id != self.0.host);
        Ok(all)
    }

    pub(super) async fn find(&self, name: &str) -> Result<HostRecord, ControlError> {
        let all = self.others().await?;
        one_called(name, all, |host| (&host.name, host.id))
    }

    pub(super) fn health(&self, id: HostId) -> HostState {
        let now = self.monotonic();
        let memory = self.memory();
        match memory.presence.get(&id).map(|one| one.shown(now)) {
            None => HostState::Joining,
            Some(Health::Ready) => HostState::Ready,
            Some(Health::InUse) => HostState::InUse,
            Some(Health::Unreachable) => HostState::Unreachable,
        }
    }
}

/// The one host that has that name or id.
///
/// # Errors
/// If there is none, or several have the name.
pub(crate) fn one_called<T>(
    name: &str,
    hosts: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> (&str, HostId),
) -> Result<T, ControlError> {
    let mut found = hosts.into_iter().filter(|host| {
        let (called, id) = of(host);
        called == name || id.to_string() == name
    });
    let host = found.next();
    let host = host.ok_or_else(|| ControlError::not_found("host", name))?;
    match found.next() {
        None => Ok(host),
        Some(_) => Err(ambiguous(name)),
    }
}

/// Several hosts have that name.
fn ambiguous(name: &str) -> ControlError {
    ControlError::Conflict {
        code: "name-ambiguous",
        message: format!("several hosts are called '{name}'"),
        remedy: "name it by its id, which `muster link list` shows".to_owned(),
    }
}
