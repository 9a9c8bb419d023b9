//! Backups.

use comfy_table::Cell;
use muster_api::{
    backups::{Backup, BackupBlocks},
    page::Page,
};

use super::{
    Sheet, View,
    text::{moment, printable, size},
};

fn blocks(backup: &Backup) -> &'static str {
    match backup.blocks {
        BackupBlocks::All => "all",
        BackupBlocks::List => "their names",
    }
}

impl View for Page<Backup> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no backups. `muster backup create` makes one.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|backup| {
                [
                    Cell::new(printable(&backup.name)),
                    Cell::new(sheet.age(backup.made_at)),
                    Cell::new(size(backup.bytes)),
                    Cell::new(blocks(backup)),
                ]
            })
            .collect();
        sheet.list(["NAME", "AGE", "SIZE", "BLOCKS"], rows);
    }
}

impl View for Backup {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(printable(&self.name))),
            ("id", Cell::new(self.id)),
            ("made", Cell::new(moment(self.made_at))),
            ("host", Cell::new(printable(&self.host))),
            ("muster", Cell::new(printable(&self.muster))),
            ("blocks", Cell::new(blocks(self))),
            ("opens with", Cell::new(printable(&self.key))),
            ("size", Cell::new(size(self.bytes))),
        ]);
    }
}
