//! Sign-in methods that are tied to an account.

use comfy_table::Cell;
use muster_api::{identities::Identity, page::Page};

use super::{Sheet, View, text::printable};

impl View for Page<Identity> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("No other sign-in method is tied to your account.");
            return;
        }
        let rows = self.items.iter().map(|identity| {
            let used = identity.last_used_at.map(|at| sheet.age(at));
            [
                Cell::new(&identity.method),
                Cell::new(printable(&identity.subject)),
                Cell::new(used.as_deref().unwrap_or("never")),
            ]
        });
        let rows: Vec<_> = rows.collect();
        sheet.list(["METHOD", "AS", "LAST USED"], rows);
    }
}
