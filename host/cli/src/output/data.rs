//! What an import does.

use muster_api::data::ImportPlan;

use super::{Sheet, View, text::printable};

impl View for ImportPlan {
    fn show(&self, sheet: &mut Sheet) {
        if self.plan.changes.is_empty() && self.collides.is_empty() {
            sheet.line("There is nothing in it.");
        }
        for (title, lines) in [
            ("This collides:", &self.collides),
            ("This comes:", &self.plan.changes),
        ] {
            if !lines.is_empty() {
                sheet.line(title);
            }
            for line in lines {
                sheet.line(&format!("  {}", printable(line)));
            }
        }
    }
}
