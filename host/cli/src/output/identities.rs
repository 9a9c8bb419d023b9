//! Sign-in methods tied to an account.

use comfy_table::Cell;
use muster_api::{identities::Identity, page::Page};

use super::{
    Sheet, View,
    text::{moment, printable},
};

impl View for Page<Identity> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("No sign-in method is tied. `muster self link METHOD` ties one.");
            return;
        }
        let rows = self.items.iter().map(|identity| {
            [
                Cell::new(printable(&identity.method)),
                Cell::new(printable(&identity.subject)),
                Cell::new(moment(identity.created_at)),
            ]
        });
        sheet.list(
            ["METHOD", "KNOWN THERE AS", "TIED"],
            rows.collect::<Vec<_>>(),
        );
    }
}
