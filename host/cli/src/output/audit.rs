//! The audit log.

use comfy_table::Cell;
use muster_api::{
    audit::{AuditOutcome, AuditRecord, AuditVerification},
    page::Page,
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{self, printable, yes_no},
};

fn outcome(record: &AuditRecord) -> Cell {
    let entry = &record.entry;
    match (entry.outcome, entry.reason.as_deref()) {
        (AuditOutcome::Done, _) => Mood::Good.cell("done"),
        (AuditOutcome::Refused, None) => Mood::Bad.cell("refused"),
        (AuditOutcome::Refused, Some(reason)) => {
            let times = if entry.times > 1 {
                format!(" ({} times)", entry.times)
            } else {
                String::new()
            };
            Mood::Bad.cell(&printable(&format!("refused: {reason}{times}")))
        }
    }
}

impl View for Page<AuditRecord> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("Nothing in the audit log matches.");
            return;
        }
        let cell = |text: &str| Cell::new(printable(text));
        let rows = self.items.iter().map(|record| {
            let entry = &record.entry;
            [
                Cell::new(record.number),
                Cell::new(text::moment(entry.at)),
                cell(&entry.actor),
                cell(&entry.action),
                cell(&entry.subject),
                outcome(record),
                cell(entry.origin.as_deref().unwrap_or("-")),
                cell(entry.credential.as_deref().unwrap_or("-")),
            ]
        });
        sheet.list(
            ["NUMBER", "AT", "WHO", "WHAT", "TO", "OUTCOME", "FROM", "BY"],
            rows,
        );
    }
}

impl View for AuditVerification {
    fn show(&self, sheet: &mut Sheet) {
        let whole = if self.whole { Mood::Good } else { Mood::Bad };
        sheet.facts([
            ("whole", whole.cell(yes_no(self.whole))),
            ("entries", Cell::new(self.entries)),
            ("begins after", Cell::new(self.pruned)),
            ("head", Cell::new(&self.head)),
        ]);
    }
}
