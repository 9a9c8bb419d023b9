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
    let message = printable(line.message.trim_end_matches(['\r', '\n']));
    format!("{} {source:<8} {instance:<5} {message}", moment(line.time))
}

impl View for Page<LogLine> {
    fn show(&self, sheet: &mut Sheet) {
        for line in &self.items {
            sheet.line(&log_line(line));
        }
    }
}
