//! Access keys.

use comfy_table::Cell;
use muster_api::{
    keys::{AccessKey, KeyState, KeyWithSecret},
    page::Page,
    permissions::Permission,
};
use time::OffsetDateTime;

use super::{
    Sheet, View,
    sheet::Mood,
    text::{moment, printable},
};

/// What a key is limited to.
fn scopes(scopes: Option<&[Permission]>) -> String {
    let words = |scopes: &[Permission]| {
        let words: Vec<_> = scopes.iter().map(|scope| scope.word()).collect();
        words.join(" ")
    };
    scopes.map_or_else(|| "everything".to_owned(), words)
}

fn state(key: &AccessKey) -> Cell {
    match key.state {
        KeyState::Active => Mood::Good.cell("active"),
        KeyState::Expired => Mood::Wary.cell("expired"),
        KeyState::Revoked => Mood::Bad.cell("revoked"),
    }
}

fn at(time: Option<OffsetDateTime>, never: &str) -> Cell {
    Cell::new(time.map_or_else(|| never.to_owned(), moment))
}

impl View for Page<AccessKey> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no keys. `muster key create NAME` makes one.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|key| {
                [
                    Cell::new(&key.id),
                    Cell::new(printable(&key.name)),
                    Cell::new(key.user.as_deref().unwrap_or("-")),
                    state(key),
                    Cell::new(scopes(key.scopes.as_deref())),
                    Cell::new(
                        key.last_used_at
                            .map_or_else(|| "never".to_owned(), |at| sheet.age(at)),
                    ),
                ]
            })
            .collect();
        sheet.list(
            ["ID", "NAME", "USER", "STATE", "MAY AT MOST", "LAST USED"],
            rows,
        );
    }
}

impl View for AccessKey {
    fn show(&self, sheet: &mut Sheet) {
        let networks = match self.networks.as_slice() {
            [] => "anywhere".to_owned(),
            networks => networks.join(", "),
        };
        let used = match (&self.last_used_at, &self.last_used_from) {
            (Some(at), Some(from)) => format!("{} from {from}", moment(*at)),
            (Some(at), None) => moment(*at),
            _ => "never".to_owned(),
        };
        sheet.facts([
            ("id", Cell::new(&self.id)),
            ("name", Cell::new(printable(&self.name))),
            ("user", Cell::new(self.user.as_deref().unwrap_or("-"))),
            ("state", state(self)),
            ("may at most", Cell::new(scopes(self.scopes.as_deref()))),
            ("from", Cell::new(networks)),
            ("made", Cell::new(moment(self.created_at))),
            ("secret since", Cell::new(moment(self.rotated_at))),
            ("old secret until", at(self.previous_until, "-")),
            ("ends", at(self.expires_at, "never")),
            ("last used", Cell::new(used)),
        ]);
    }
}

impl View for KeyWithSecret {
    fn show(&self, sheet: &mut Sheet) {
        self.key.show(sheet);
        sheet.gap();
        sheet.line(&format!("secret  {}", self.secret));
        sheet.line("It is shown this once, and only a hash of it is kept.");
    }
}
