//! Role plugins, by their files.

use comfy_table::Cell;
use muster_api::units::{ByteSize, Millis};
use muster_conformance::Report;

use super::{
    Sheet, View,
    sheet::Mood,
    text::{printable, size, yes_no},
};
use crate::commands::plugin::Checked;

impl View for Checked {
    fn show(&self, sheet: &mut Sheet) {
        let plugin = &self.plugin;
        let none = || "-".to_owned();
        let known = plugin.known_world.clone().unwrap_or_else(none);
        sheet.facts([
            (
                "plugin",
                Cell::new(printable(&format!("{} {}", plugin.name, plugin.version))),
            ),
            ("for", Cell::new(printable(&plugin.summary))),
            ("role", Cell::new(printable(&plugin.role))),
            ("world", Cell::new(printable(&plugin.world))),
            ("known here", Cell::new(known)),
            ("exports", Cell::new(printable_lines(&plugin.exports))),
            ("imports", Cell::new(printable_lines(&plugin.imports))),
            (
                "memory limit",
                Cell::new(
                    plugin
                        .memory_limit
                        .map_or_else(none, |it| ByteSize(it).to_string()),
                ),
            ),
            (
                "call limit",
                Cell::new(
                    plugin
                        .call_limit_ms
                        .map_or_else(none, |it| Millis(it).to_string()),
                ),
            ),
            (
                "work limit",
                Cell::new(
                    plugin
                        .work_limit_ms
                        .map_or_else(none, |it| Millis(it).to_string()),
                ),
            ),
            ("size", Cell::new(size(plugin.size))),
            ("sha-256", Cell::new(&plugin.digest)),
        ]);
        if !plugin.wants.is_empty() {
            sheet.gap();
            let rows = plugin.wants.iter().map(|wanted| {
                [
                    Cell::new(printable(&wanted.interface)),
                    if wanted.granted {
                        Mood::Good.cell("yes")
                    } else {
                        Mood::Bad.cell("no")
                    },
                    Cell::new(yes_no(wanted.used)),
                ]
            });
            sheet.list(["WANTS", "GETS IT", "USES IT"], rows);
        }
        sheet.gap();
        let verdict = match (self.taken, self.asked) {
            (true, true) => "it would be taken",
            (true, false) => "it would be tried out",
            (false, _) => "it would not be taken",
        };
        sheet.line(&format!("By {}, {verdict}", self.who()));
        for line in &self.told {
            sheet.line(&format!("  {}", printable(line)));
        }
    }
}

/// Names, a line each.
fn printable_lines(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| printable(name)).collect();
    names.join("\n")
}

impl View for Report {
    fn show(&self, sheet: &mut Sheet) {
        let rows = self.cases.iter().map(|case| {
            [
                Cell::new(case.name),
                if case.passed {
                    Mood::Good.cell("pass")
                } else {
                    Mood::Bad.cell("FAIL")
                },
                Cell::new(Millis(case.milliseconds)),
                Cell::new(case.about),
            ]
        });
        sheet.list(["CASE", "RESULT", "TIME", "THE PLUGIN"], rows);
        for case in &self.cases {
            if let Some(failure) = &case.failure {
                sheet.gap();
                sheet.line(&format!("{}: {}", case.name, printable(failure)));
            }
        }
    }
}
