//! Roles.

use comfy_table::Cell;
use muster_api::{
    page::Page,
    roles::{Role, RoleState},
    units::{ByteSize, Millis},
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{printable, yes_no},
};

fn state(state: RoleState) -> Cell {
    match state {
        RoleState::Absent => Mood::Plain.cell("absent"),
        RoleState::Stopped => Mood::Wary.cell("stopped"),
        RoleState::Starting => Mood::Wary.cell("starting"),
        RoleState::Running => Mood::Good.cell("running"),
        RoleState::Degraded => Mood::Wary.cell("degraded"),
        RoleState::Failing => Mood::Bad.cell("failing"),
    }
}

fn version(role: &Role) -> &str {
    match &role.plugin {
        Some(plugin) => &plugin.version,
        None if role.builtin => "built in",
        None => "-",
    }
}

/// Adds a list of roles.
pub fn list(sheet: &mut Sheet, roles: &[Role]) {
    let rows = roles.iter().map(|role| {
        [
            Cell::new(&role.name),
            state(role.state),
            Cell::new(version(role)),
            Cell::new(role.restarts),
            Cell::new(printable(&role.summary)),
        ]
    });
    sheet.list(["ROLE", "STATE", "VERSION", "RESTARTS", "FOR"], rows);
}

impl View for Page<Role> {
    fn show(&self, sheet: &mut Sheet) {
        list(sheet, &self.items);
    }
}

impl View for Role {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("role", Cell::new(&self.name)),
            ("state", state(self.state)),
            ("for", Cell::new(printable(&self.summary))),
            ("restarts", Cell::new(self.restarts)),
        ]);
        if let Some(plugin) = &self.plugin {
            sheet.gap();
            sheet.facts([
                (
                    "plugin",
                    Cell::new(format!("{} {}", plugin.name, plugin.version)),
                ),
                ("bundled", Cell::new(yes_no(plugin.bundled))),
                ("world", Cell::new(&plugin.world)),
                ("imports", Cell::new(plugin.imports.join("\n"))),
                ("memory limit", Cell::new(ByteSize(plugin.memory_limit))),
                ("call limit", Cell::new(Millis(plugin.call_limit_ms))),
                ("sha-256", Cell::new(&plugin.digest)),
            ]);
        }
        if let Some(error) = &self.last_error {
            sheet.gap();
            let when = self
                .last_error_at
                .map(|at| format!(", {} ago", sheet.age(at)));
            sheet.line(&format!(
                "Last error{}: {}",
                when.unwrap_or_default(),
                printable(error)
            ));
        }
    }
}
