//! What became of an app's requests.

use comfy_table::Cell;
use muster_api::metrics::AppMetrics;

use super::{
    Sheet, View,
    sheet::Mood,
    text::{moment, printable},
};

impl View for AppMetrics {
    fn show(&self, sheet: &mut Sheet) {
        for gap in &self.missing {
            let why = gap.reason.as_deref().unwrap_or("it does not answer");
            let (host, why) = (printable(&gap.host), printable(why));
            sheet.line(&format!("Without what {host} has counted: {why}"));
        }
        if self.stretches.is_empty() {
            sheet.line("No request ended in the last hour.");
            return;
        }
        let rows: Vec<_> = self
            .stretches
            .iter()
            .map(|stretch| {
                let mood = if stretch.failed > 0 {
                    Mood::Bad
                } else {
                    Mood::Plain
                };
                [
                    Cell::new(moment(stretch.at)),
                    Cell::new(stretch.requests),
                    mood.cell(&stretch.failed.to_string()),
                    Cell::new(millis(stretch.median_micros)),
                    Cell::new(millis(stretch.p95_micros)),
                ]
            })
            .collect();
        sheet.list(["SINCE", "REQUESTS", "FAILED", "MEDIAN", "P95"], rows);
        let (mut requests, mut failed) = (0, 0);
        for stretch in &self.stretches {
            requests += stretch.requests;
            failed += stretch.failed;
        }
        sheet.line(&format!(
            "{requests} in the last hour, {failed} failed; a row is {} seconds",
            self.stretch_seconds
        ));
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{}ms", micros / 1_000, micros % 1_000 / 100)
}
