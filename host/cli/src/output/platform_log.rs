//! What the hosts themselves log.

use std::fmt::Write;

use muster_api::platform_log::{PlatformLine, PlatformLog};

use super::{
    Sheet, View,
    text::{moment, printable},
};

/// A line for people: when, of which host, how bad, from where, what.
pub fn platform_line(line: &PlatformLine) -> String {
    let from = line.role.as_deref().unwrap_or(&line.target);
    let mut text = format!(
        "{} {} {:<5} {} {}",
        moment(line.time),
        printable(&line.host),
        line.level.to_string().to_uppercase(),
        printable(from),
        printable(line.message.trim_end_matches(['\r', '\n'])),
    );
    for (name, value) in &line.fields {
        let _ = write!(text, " {}={}", printable(name), printable(value));
    }
    text
}

impl View for PlatformLog {
    fn show(&self, sheet: &mut Sheet) {
        for line in &self.items {
            sheet.line(&platform_line(line));
        }
    }
}
