//! The configuration and signing keys.

use std::collections::BTreeMap;

use comfy_table::Cell;
use muster_api::{
    config::{SectionSummary, SectionView},
    page::Page,
    tokens::SigningKey,
};
use serde_json::Value;

use super::{
    Sheet, View,
    text::{moment, printable},
};
use crate::explain::Explained;

impl View for Page<SectionSummary> {
    fn show(&self, sheet: &mut Sheet) {
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|section| {
                [
                    Cell::new(&section.section),
                    Cell::new(if section.is_set { "yes" } else { "no" }),
                    Cell::new(&section.about),
                ]
            })
            .collect();
        sheet.list(["SECTION", "SET", "WHAT IT SETTLES"], rows);
    }
}

impl View for SectionView {
    fn show(&self, sheet: &mut Sheet) {
        sheet.line(&self.about);
        say_who_decides(self, sheet);
        let mut lines = Vec::new();
        flatten(&self.values, "", &mut lines);
        for (name, value) in lines {
            sheet.line(&printable(&format!("{name}={value}")));
        }
    }
}

fn say_who_decides(section: &SectionView, sheet: &mut Sheet) {
    if let Some(leader) = &section.leader {
        sheet.line(&printable(&format!(
            "As {leader} says, which this host follows"
        )));
    }
}

impl View for Explained {
    fn show(&self, sheet: &mut Sheet) {
        sheet.line(&self.view.about);
        say_who_decides(&self.view, sheet);
        for key in &self.keys {
            sheet.gap();
            let value = match &key.value {
                Some(value) => format!("{}={value}", key.name),
                None => format!("{} is not set", key.name),
            };
            let default = match &key.default {
                default if *default == key.value => String::new(),
                Some(default) => format!(" (unless set: {default})"),
                None => " (unless set: none)".to_owned(),
            };
            sheet.line(&printable(&format!("{value}{default}")));
            if !key.about.is_empty() {
                sheet.line(&format!("  {}", printable(&key.about)));
            }
        }
    }
}

/// Every value by its name with dots.
pub fn settled(values: &Value) -> BTreeMap<String, String> {
    let mut lines = Vec::new();
    flatten(values, "", &mut lines);
    lines.into_iter().collect()
}

/// One line for each value, by its name with dots, as `muster config set`
/// takes it.
fn flatten(value: &Value, name: &str, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(value, &format!("{name}{dot}{field}"), lines);
            }
        }
        other => lines.push((name.to_owned(), other.to_string())),
    }
}

impl View for Page<SigningKey> {
    fn show(&self, sheet: &mut Sheet) {
        let rows: Vec<_> = self.items.iter().map(row).collect();
        sheet.list(["KEY", "ALGORITHM", "MADE", "GOOD UNTIL"], rows);
    }
}

impl View for SigningKey {
    fn show(&self, sheet: &mut Sheet) {
        sheet.list(["KEY", "ALGORITHM", "MADE", "GOOD UNTIL"], vec![row(self)]);
    }
}

fn row(key: &SigningKey) -> [Cell; 4] {
    [
        Cell::new(&key.id),
        Cell::new(&key.algorithm),
        Cell::new(moment(key.created_at)),
        Cell::new(key.ends_at.map_or_else(|| "it signs".to_owned(), moment)),
    ]
}
