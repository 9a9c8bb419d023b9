//! Contexts, without their tokens.

use comfy_table::Cell;
use muster_api::page::Page;
use serde::Serialize;

use super::{Sheet, View, text::yes_no};
use crate::contexts::Context;

/// A context as it may be shown.
#[derive(Debug, Serialize)]
pub struct ContextRow {
    name: String,
    url: String,
    user: String,
    current: bool,
    logged_in: bool,
}

impl ContextRow {
    /// What may be shown of a context.
    pub fn new(name: &str, context: &Context, current: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            url: context.url.clone(),
            user: context.user.clone(),
            current: current == Some(name),
            logged_in: context.tokens.is_some() || context.data_dir.is_some(),
        }
    }
}

impl View for Page<ContextRow> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no contexts. `muster login --url URL --user NAME` makes one.");
            return;
        }
        let rows = self.items.iter().map(|row| {
            [
                Cell::new(if row.current { "*" } else { "" }),
                Cell::new(&row.name),
                Cell::new(&row.url),
                Cell::new(&row.user),
                Cell::new(yes_no(row.logged_in)),
            ]
        });
        sheet.list(["", "NAME", "URL", "USER", "LOGGED IN"], rows);
    }
}

impl View for ContextRow {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(&self.name)),
            ("url", Cell::new(&self.url)),
            ("user", Cell::new(&self.user)),
            ("in use", Cell::new(yes_no(self.current))),
            ("logged in", Cell::new(yes_no(self.logged_in))),
        ]);
    }
}
