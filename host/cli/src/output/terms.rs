//! Terms of use.

use comfy_table::Cell;
use muster_api::{
    page::Page,
    terms::{Acceptance, Term, TermInfo},
};

use super::{
    Sheet, View,
    text::{moment, printable, size},
};

impl View for Page<TermInfo> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no terms of use. `muster term add FILE` adds some.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|term| {
                [
                    Cell::new(term.version),
                    Cell::new(term.media_type.word()),
                    Cell::new(size(term.size)),
                    Cell::new(moment(term.created_at)),
                ]
            })
            .collect();
        sheet.list(["VERSION", "TYPE", "SIZE", "ADDED"], rows);
    }
}

impl View for Term {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("version", Cell::new(self.info.version)),
            ("type", Cell::new(self.info.media_type.word())),
            ("added", Cell::new(moment(self.info.created_at))),
            ("sha-256", Cell::new(&self.info.digest)),
        ]);
        sheet.gap();
        for line in self.text.lines() {
            sheet.line(&printable(line));
        }
    }
}

impl View for Page<Acceptance> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("Nobody has accepted anything.");
            return;
        }
        let rows = self.items.iter().map(|accepted| {
            [
                Cell::new(accepted.version),
                Cell::new(printable(&accepted.name)),
                Cell::new(moment(accepted.accepted_at)),
                Cell::new(accepted.origin.as_deref().unwrap_or("-")),
            ]
        });
        sheet.list(["VERSION", "USER", "ACCEPTED", "FROM"], rows);
    }
}
