//! Log lines.

use muster_api::{
    logs::{LogLine, LogSource},
    page::Page,
};

use super::{
    Sheet, View,
    text::{moment, printable},
};

/// A line for people: when, from where, what.
pub fn log_line(line: &LogLine) -> String {
    let source = match line.source {
        LogSource::Stdout => "out",
        LogSource::Stderr => "err",
        LogSource::Access => "access",
        LogSource::Platform => "platform",
    };
    let instance = line.instance.as_deref().unwrap_or("-");
    // Several hosts are told apart by name; one needs none.
    let host = line.host.as_deref().map(printable);
    let host = host.map(|host| format!("{host} ")).unwrap_or_default();
    let message = printable(line.message.trim_end_matches(['\r', '\n']));
    format!(
        "{} {host}{source:<8} {instance:<5} {message}",
        moment(line.time)
    )
}

impl View for Page<LogLine> {
    fn show(&self, sheet: &mut Sheet) {
        for line in &self.items {
            sheet.line(&log_line(line));
        }
    }
}
