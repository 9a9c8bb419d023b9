//! Droplets.

use comfy_table::Cell;
use muster_api::{droplets::Droplet, page::Page};

use super::{Sheet, View, sheet::Mood, text};

impl View for Page<Droplet> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("The app has no droplets yet.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|droplet| {
                [
                    Cell::new(droplet.id),
                    Mood::Good.cell(if droplet.current { "current" } else { "" }),
                    Cell::new(&droplet.detected),
                    Cell::new(&droplet.entry),
                    Cell::new(text::size(droplet.size)),
                    Cell::new(sheet.age(droplet.created_at)),
                ]
            })
            .collect();
        sheet.list(["ID", "CURRENT", "DETECTED", "ENTRY", "SIZE", "AGE"], rows);
    }
}
