//! Tokens.

use comfy_table::Cell;
use muster_api::tokens::Introspection;
use time::OffsetDateTime;

use super::{
    Sheet, View,
    text::{moment, printable},
};

impl View for Introspection {
    fn show(&self, sheet: &mut Sheet) {
        if !self.active {
            sheet.line(
                "The token is not good: it has expired, was revoked, or is none of this host.",
            );
            return;
        }
        let at = |seconds: Option<u64>| {
            let seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
            let at = seconds.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
            Cell::new(at.map_or_else(|| "-".to_owned(), moment))
        };
        let text =
            |text: &Option<String>| Cell::new(text.as_deref().map(printable).unwrap_or_default());
        let scope = match &self.scope {
            Some(scope) => Cell::new(printable(scope)),
            None => Cell::new("all that the user may do"),
        };
        sheet.facts([
            ("user", text(&self.username)),
            ("user id", text(&self.sub)),
            ("client", text(&self.client_id)),
            ("scope", scope),
            ("given out", at(self.iat)),
            ("expires", at(self.exp)),
        ]);
    }
}
