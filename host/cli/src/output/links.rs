//! How hosts are linked.

use comfy_table::Cell;
use muster_api::{
    hosts::{Applied, HostStanding, HostState, LinkedHost},
    links::{Link, LinkToken, LinkTokenSecret, LinkTokenState, Standing},
    page::Page,
};

use super::{
    Sheet, View, bundles,
    text::{moment, printable},
};

/// From how many milliseconds on a clock is worth a word.
const NOTABLE_MS: i64 = 5_000;

/// How a host is, in a word.
pub fn state(state: HostState) -> &'static str {
    match state {
        HostState::Joining => "joining",
        HostState::Ready => "ready",
        HostState::InUse => "in use",
        HostState::Unreachable => "unreachable",
    }
}

fn condition(host: &LinkedHost) -> String {
    match host.draining {
        true => format!("{}, drained", state(host.state)),
        false => state(host.state).to_owned(),
    }
}

fn applied(host: &LinkedHost) -> &'static str {
    match host.applied {
        Applied::Current => "current",
        Applied::Earlier => "earlier",
        Applied::None => "none",
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Alone => "alone",
        Standing::Leader => "leader",
        Standing::Joining => "joining",
        Standing::Follower => "follower",
        Standing::Leaving => "leaving",
    }
}

/// How wrong a clock is, for people.
fn clock(offset_ms: i64) -> String {
    if offset_ms.abs() < NOTABLE_MS {
        return "right".to_owned();
    }
    let way = if offset_ms > 0 { "behind" } else { "ahead" };
    format!("{} s {way}", offset_ms.abs() / 1_000)
}

impl View for LinkTokenSecret {
    fn show(&self, sheet: &mut Sheet) {
        sheet.line(&self.token);
        sheet.gap();
        sheet.line(&format!(
            "Good for one host until {}. On that host: muster link join TOKEN",
            moment(self.expires_at)
        ));
    }
}

impl View for Page<LinkToken> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no link tokens. `muster link token` makes one.");
            return;
        }
        let rows = self.items.iter().map(|token| {
            [
                Cell::new(token.id),
                Cell::new(match token.state {
                    LinkTokenState::Offered => "offered",
                    LinkTokenState::Pending => "pending",
                    LinkTokenState::Used => "used",
                    LinkTokenState::Ended => "ended",
                }),
                Cell::new(token.expires_at.map(moment).unwrap_or_default()),
                Cell::new(token.host.map(|host| host.to_string()).unwrap_or_default()),
                Cell::new(printable(&token.created_by)),
            ]
        });
        let rows: Vec<_> = rows.collect();
        sheet.list(["ID", "STATE", "EXPIRES", "HOST", "MADE BY"], rows);
    }
}

impl View for Link {
    fn show(&self, sheet: &mut Sheet) {
        let mut facts = vec![
            ("host", Cell::new(self.host)),
            ("standing", Cell::new(standing(self.standing))),
        ];
        if let Some(cluster) = self.cluster {
            facts.push(("group", Cell::new(cluster)));
        }
        if let Some(leader) = &self.leader {
            let how = if leader.reachable {
                "reachable"
            } else {
                "not reachable"
            };
            let told = format!("{} ({how})", printable(&leader.name));
            facts.push(("leader", Cell::new(told)));
            facts.push(("leader at", Cell::new(leader.addresses.join(", "))));
        }
        if self.standing == Standing::Leader {
            facts.push(("followers", Cell::new(self.followers)));
        }
        facts.push(("peers reach it at", Cell::new(self.addresses.join(", "))));
        if let Some(end) = self.certificate_not_after {
            facts.push(("certificate until", Cell::new(moment(end))));
        }
        if self.leader.is_some() {
            facts.push(("clock", Cell::new(clock(self.clock_offset_ms))));
        }
        if let Some(ended) = &self.ended {
            facts.push(("last link", Cell::new(printable(ended))));
        }
        sheet.all_facts(facts);
    }
}

impl View for Page<LinkedHost> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("This host leads nobody. `muster link token` begins a group.");
            return;
        }
        let rows = self.items.iter().map(|host| {
            [
                Cell::new(printable(&host.name)),
                Cell::new(match host.standing {
                    HostStanding::Leader => "leader",
                    HostStanding::ControlPlane => "control plane",
                    HostStanding::Follower => "follower",
                }),
                Cell::new(condition(host)),
                bundles::content(&host.about.content),
                Cell::new(applied(host)),
                Cell::new(printable(&host.about.version)),
                Cell::new(printable(&host.about.roles.join(","))),
                Cell::new(printable(&host.about.addresses.join(","))),
                Cell::new(moment(host.last_seen_at)),
            ]
        });
        let rows: Vec<_> = rows.collect();
        sheet.list(
            [
                "NAME",
                "STANDING",
                "STATE",
                "CONTENT",
                "SETTINGS",
                "VERSION",
                "ROLES",
                "ADDRESSES",
                "SEEN",
            ],
            rows,
        );
    }
}

impl View for LinkedHost {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(printable(&self.name))),
            ("id", Cell::new(self.id)),
            ("state", Cell::new(condition(self))),
            ("version", Cell::new(printable(&self.about.version))),
            ("system", Cell::new(printable(&self.about.os))),
            ("roles", Cell::new(printable(&self.about.roles.join(", ")))),
            (
                "addresses",
                Cell::new(printable(&self.about.addresses.join(", "))),
            ),
            ("workloads", Cell::new(self.about.workloads)),
            ("content", bundles::content(&self.about.content)),
            ("settings", Cell::new(applied(self))),
            ("clock", Cell::new(clock(self.about.clock_offset_ms))),
            ("linked", Cell::new(moment(self.linked_at))),
            ("seen", Cell::new(moment(self.last_seen_at))),
            (
                "certificate until",
                Cell::new(moment(self.certificate_not_after)),
            ),
            ("key", Cell::new(&self.fingerprint)),
        ]);
    }
}
