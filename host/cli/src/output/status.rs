//! What the host is and how it is.

use comfy_table::Cell;
use muster_api::status::{Info, Status};

use super::{
    Sheet, View, roles,
    sheet::Mood,
    text::{self, printable},
};

impl View for Info {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(&self.name)),
            ("id", Cell::new(self.id)),
            ("version", Cell::new(&self.version)),
            ("engine", Cell::new(&self.engine)),
            ("management", Cell::new(&self.management)),
            ("apps", Cell::new(&self.apps)),
            ("app domain", Cell::new(&self.app_domain)),
            ("roles", Cell::new(self.roles.join(", "))),
            ("available", Cell::new(self.available.join(", "))),
            ("offered", Cell::new(self.offered.join("\n"))),
        ]);
    }
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
