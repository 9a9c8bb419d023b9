//! Quotas and what is used of them.

use comfy_table::Cell;
use muster_api::{
    page::Page,
    quotas::{Quota, Resource, Usage},
    units::Millis,
};

use super::{
    Sheet, View,
    text::{moment, size},
};

/// An amount in the unit of what it is of.
fn amount(resource: Resource, amount: u64) -> String {
    match resource {
        Resource::Cpu => Millis(amount).to_string(),
        resource if resource.is_bytes() => size(amount),
        _ => amount.to_string(),
    }
}

impl View for Page<Quota> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no quotas. `muster quota set RESOURCE LIMIT` sets one.");
            return;
        }
        let rows = self.items.iter().map(|quota| {
            [
                Cell::new(quota.id),
                Cell::new(quota.project.as_deref().unwrap_or("each")),
                Cell::new(quota.user.as_deref().unwrap_or("-")),
                Cell::new(quota.resource),
                Cell::new(amount(quota.resource, quota.limit)),
            ]
        });
        sheet.list(["ID", "PROJECT", "USER", "RESOURCE", "LIMIT"], rows);
    }
}

impl View for Quota {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("id", Cell::new(self.id)),
            (
                "project",
                Cell::new(self.project.as_deref().unwrap_or("each")),
            ),
            ("user", Cell::new(self.user.as_deref().unwrap_or("-"))),
            ("resource", Cell::new(self.resource)),
            ("limit", Cell::new(amount(self.resource, self.limit))),
            ("set", Cell::new(moment(self.updated_at))),
        ]);
    }
}

impl View for Page<Usage> {
    fn show(&self, sheet: &mut Sheet) {
        let rows = self.items.iter().map(|usage| {
            let shown = |number| Cell::new(amount(usage.resource, number));
            [
                Cell::new(usage.resource),
                Cell::new(usage.user.as_deref().unwrap_or("-")),
                shown(usage.used),
                shown(usage.reserved),
                usage.allowed.map_or_else(|| Cell::new("-"), shown),
            ]
        });
        sheet.list(["RESOURCE", "USER", "USED", "RESERVED", "ALLOWED"], rows);
    }
}
