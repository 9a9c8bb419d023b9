//! Certificates of load balancers.

use comfy_table::Cell;
use muster_api::{certificates::Certificate, page::Page};

use super::{
    Sheet, View,
    text::{moment, printable, yes_no},
};

fn hosts(certificate: &Certificate) -> Cell {
    let hosts: Vec<_> = certificate.hosts.iter().map(|it| printable(it)).collect();
    Cell::new(hosts.join("\n"))
}

impl View for Page<Certificate> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no certificates. `muster certificate put NAME --certificate FILE --key FILE` uploads one.");
            return;
        }
        let rows = self.items.iter().map(|certificate| {
            [
                Cell::new(printable(&certificate.name)),
                hosts(certificate),
                Cell::new(printable(&certificate.issuer)),
                Cell::new(moment(certificate.not_after)),
            ]
        });
        sheet.list(["NAME", "HOSTS", "ISSUER", "GOOD UNTIL"], rows);
    }
}

impl View for Certificate {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(printable(&self.name))),
            ("hosts", hosts(self)),
            ("subject", Cell::new(printable(&self.subject))),
            ("issuer", Cell::new(printable(&self.issuer))),
            ("self-signed", Cell::new(yes_no(self.self_signed))),
            ("chain", Cell::new(self.chain)),
            ("sha-256", Cell::new(printable(&self.fingerprint))),
            ("good from", Cell::new(moment(self.not_before))),
            ("good until", Cell::new(moment(self.not_after))),
            ("since", Cell::new(moment(self.created_at))),
        ]);
    }
}
