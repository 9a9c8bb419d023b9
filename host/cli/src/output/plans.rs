//! What a change would do.

use muster_api::plan::Plan;

use super::{Sheet, View, text::printable};

impl View for Plan {
    fn show(&self, sheet: &mut Sheet) {
        if self.removes.is_empty() && self.changes.is_empty() {
            sheet.line("This changes nothing.");
        }
        let (removes, changes) = if self.done {
            ("Removed:", "Changed:")
        } else {
            ("This removes:", "This changes:")
        };
        for (title, lines) in [(removes, &self.removes), (changes, &self.changes)] {
            if !lines.is_empty() {
                sheet.line(title);
            }
            for line in lines {
                sheet.line(&format!("  {}", printable(line)));
            }
        }
    }
}
