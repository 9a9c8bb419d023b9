//! An address that was checked and written down.

use super::{Sheet, View};
use crate::commands::op::static_ip::StaticAddress;

impl View for StaticAddress {
    fn show(&self, sheet: &mut Sheet) {
        for line in self.network_file.lines() {
            sheet.line(line);
        }
        sheet.gap();
        sheet.line(&format!("Kept in {}.", self.kept.display()));
        match &self.applied {
            Some(path) => {
                sheet.line(&format!("Written to {}.", path.display()));
                sheet.line(&format!(
                    "In force when the machine starts anew, or at once with: {}",
                    self.next
                ));
            }
            None => {
                sheet.line("The system was left alone. --apply writes it where systemd-networkd reads it; by hand:");
                sheet.line(&format!("  {}", self.next));
            }
        }
        sheet.line("A session over the old address ends when the new one is in force. The hosts of the group find this one again by themselves.");
    }
}
