//! Bundles, and how far hosts have got with them.

use comfy_table::Cell;
use muster_api::{
    bundles::{Bundle, BundleDetail, BundleHost, ContentProgress},
    page::Page,
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{moment, printable, size},
};

/// What a host has of its group's content, in few words.
pub fn content(content: &ContentProgress) -> Cell {
    if content.bundles.is_empty() {
        return Cell::new("-");
    }
    if content.is_synced() {
        return Mood::Good.cell("synced");
    }
    Mood::Wary.cell(&lacks(content.missing, content.missing_bytes))
}

/// A bundle whose blocks are all there has yet to be laid out.
fn lacks(missing: u64, bytes: u64) -> String {
    match missing {
        0 => "unpacking".to_owned(),
        _ => format!("{} missing", size(bytes)),
    }
}

fn on_host(host: &BundleHost) -> Cell {
    if host.ready {
        return Mood::Good.cell("synced");
    }
    let lacks = lacks(host.missing, host.missing_bytes);
    match &host.problem {
        None => Mood::Wary.cell(&lacks),
        Some(problem) => Mood::Bad.cell(&format!("{lacks}: {}", printable(problem))),
    }
}

impl View for Page<Bundle> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no bundles. `muster bundle put NAME PATH` makes one.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|bundle| {
                [
                    Cell::new(printable(&bundle.name)),
                    Cell::new(bundle.kind),
                    Cell::new(bundle.count),
                    Cell::new(size(bundle.size)),
                    Cell::new(sheet.age(bundle.created_at)),
                ]
            })
            .collect();
        sheet.list(["NAME", "KIND", "FILES", "SIZE", "AGE"], rows);
    }
}

impl View for BundleDetail {
    fn show(&self, sheet: &mut Sheet) {
        let bundle = &self.bundle;
        sheet.facts([
            ("name", Cell::new(printable(&bundle.name))),
            ("kind", Cell::new(bundle.kind)),
            ("files", Cell::new(bundle.count)),
            ("size", Cell::new(size(bundle.size))),
            ("digest", Cell::new(printable(&bundle.digest))),
            ("since", Cell::new(moment(bundle.created_at))),
        ]);
        sheet.gap();
        let rows = self.hosts.iter();
        let rows: Vec<_> = rows
            .map(|host| [Cell::new(printable(&host.name)), on_host(host)])
            .collect();
        sheet.list(["HOST", "CONTENT"], rows);
        sheet.gap();
        let rows = self.files.iter();
        let rows: Vec<_> = rows
            .map(|file| [Cell::new(printable(&file.path)), Cell::new(size(file.size))])
            .collect();
        sheet.list(["FILE", "SIZE"], rows);
    }
}
