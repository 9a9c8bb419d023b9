//! Where blocks are kept.

use comfy_table::Cell;
use muster_api::blocks::BlockStorage;

use super::{
    Sheet, View,
    sheet::Mood,
    text::{printable, size, yes_no},
};

impl View for BlockStorage {
    fn show(&self, sheet: &mut Sheet) {
        let state = match &self.problem {
            None => Mood::Good.cell("good"),
            Some(problem) => Mood::Bad.cell(&printable(problem)),
        };
        let unknown = || "?".to_owned();
        let cache = self.cache.map_or("-".to_owned(), |cache| {
            let (held, limit) = (size(cache.bytes), size(cache.limit));
            format!("{} blocks, {held} of {limit}", cache.blocks)
        });
        let blocks = self.blocks.map_or_else(unknown, |n| n.to_string());
        sheet.facts([
            ("place", Cell::new(printable(&self.place))),
            ("state", state),
            ("blocks", Cell::new(blocks)),
            ("size", Cell::new(self.bytes.map_or_else(unknown, size))),
            ("cache", Cell::new(cache)),
            ("removes unused", Cell::new(yes_no(self.collects))),
        ]);
    }
}
