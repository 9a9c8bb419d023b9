//! What the host is and how it is.

use comfy_table::Cell;
use muster_api::{
    roles::RoleState,
    status::{Info, Status},
};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::{
    Sheet, View, roles,
    sheet::Mood,
    text::{self, printable},
};

impl View for Info {
    fn show(&self, sheet: &mut Sheet) {
        let mut facts = vec![
            ("name", Cell::new(&self.name)),
            ("id", Cell::new(self.id)),
            ("version", Cell::new(&self.version)),
            ("engine", Cell::new(&self.engine)),
            ("management", Cell::new(&self.management)),
            ("apps", Cell::new(&self.apps)),
            ("app domain", Cell::new(&self.app_domain)),
            ("roles", Cell::new(self.roles.join(", "))),
            ("available", Cell::new(self.available.join(", "))),
            ("elsewhere", Cell::new(elsewhere(self))),
            ("offered", Cell::new(self.offered.join("\n"))),
        ];
        if !self.next_addresses.is_empty() {
            facts.push(("moves to", Cell::new(self.next_addresses.join(", "))));
        }
        sheet.all_facts(facts);
    }
}

/// Which other hosts play each role.
fn elsewhere(info: &Info) -> String {
    if info.elsewhere.is_empty() {
        return "-".to_owned();
    }
    let roles = info.elsewhere.iter();
    let lines: Vec<_> = roles
        .map(|(role, hosts)| format!("{role}: {}", printable(&hosts.join(", "))))
        .collect();
    lines.join("\n")
}

impl View for Status {
    fn show(&self, sheet: &mut Sheet) {
        let ready = if self.ready {
            Mood::Good.cell("yes")
        } else {
            Mood::Bad.cell("no")
        };
        sheet.facts([
            ("host", Cell::new(&self.host)),
            ("ready", ready),
            ("up for", Cell::new(text::duration(self.uptime_seconds))),
            ("apps", Cell::new(self.apps)),
            (
                "instances",
                Cell::new(format!("{} of {}", self.running, self.desired)),
            ),
        ]);
        sheet.gap();
        roles::list(sheet, &self.roles);
        if !self.attention.is_empty() {
            sheet.gap();
            sheet.line("Needs attention:");
            for line in &self.attention {
                sheet.line(&format!("  {}", printable(line)));
            }
        }
    }
}

/// How each host of a group is, or why it does not say.
#[derive(Default)]
pub struct HostStatuses(Vec<(String, Result<Status, String>)>);

impl HostStatuses {
    /// Adds a host's answer.
    pub fn add(&mut self, host: &str, status: Result<Status, String>) {
        self.0.push((host.to_owned(), status));
    }

    /// Whether no host was asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for HostStatuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(host, status)| match status {
            Ok(status) => json!({ "host": host, "status": status }),
            Err(error) => json!({ "host": host, "error": error }),
        }))
    }
}

impl View for HostStatuses {
    fn show(&self, sheet: &mut Sheet) {
        let rows = self.0.iter().map(|(host, status)| match status {
            Ok(status) => {
                let failing = status
                    .roles
                    .iter()
                    .filter(|role| matches!(role.state, RoleState::Failing | RoleState::Degraded));
                let failing: Vec<_> = failing.map(|role| role.name.as_str()).collect();
                let ready = match status.ready {
                    true => Mood::Good.cell("yes"),
                    false => Mood::Bad.cell("no"),
                };
                let mut attention = status.attention.clone();
                if !failing.is_empty() {
                    attention.push(format!("failing roles: {}", failing.join(", ")));
                }
                [
                    Cell::new(printable(host)),
                    ready,
                    Cell::new(text::duration(status.uptime_seconds)),
                    Cell::new(printable(&attention.join("; "))),
                ]
            }
            Err(error) => [
                Cell::new(printable(host)),
                Mood::Bad.cell("?"),
                Cell::new("-"),
                Cell::new(printable(error)),
            ],
        });
        let rows: Vec<_> = rows.collect();
        sheet.list(["HOST", "READY", "UP FOR", "ATTENTION"], rows);
    }
}
