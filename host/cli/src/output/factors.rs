//! Second factors.

use comfy_table::Cell;
use muster_api::{
    factors::{Factors, Passkey, RecoveryCodes, TotpEnrolment},
    page::Page,
};

use super::{
    Sheet, View,
    text::{count, moment, printable, yes_no},
};

impl View for Factors {
    fn show(&self, sheet: &mut Sheet) {
        let app = match &self.totp {
            None => "none",
            Some(totp) if totp.confirmed => "counts",
            Some(_) => "waits for a first code: muster self factor confirm-totp",
        };
        let passkeys = count(self.passkeys.len(), "passkey");
        sheet.facts([
            ("required", Cell::new(yes_no(self.required))),
            ("authenticator app", Cell::new(app)),
            ("passkeys", Cell::new(passkeys)),
            ("recovery codes", Cell::new(self.recovery_codes)),
        ]);
    }
}

impl View for TotpEnrolment {
    fn show(&self, sheet: &mut Sheet) {
        sheet.line("Give this to your authenticator app; it is shown this once.");
        sheet.gap();
        sheet.facts([
            ("secret", Cell::new(self.secret.expose())),
            ("address", Cell::new(self.uri.expose())),
        ]);
        sheet.gap();
        sheet.line("Then confirm with a code that it shows: muster self factor confirm-totp CODE");
    }
}

impl View for RecoveryCodes {
    fn show(&self, sheet: &mut Sheet) {
        sheet.line("Print these codes; they are shown this once, and each serves once.");
        sheet.gap();
        for code in &self.codes {
            sheet.line(code.expose());
        }
    }
}

impl View for Passkey {
    fn show(&self, sheet: &mut Sheet) {
        let used = self.last_used_at.map(moment);
        sheet.facts([
            ("id", Cell::new(&self.id)),
            ("name", Cell::new(printable(&self.name))),
            ("registered", Cell::new(moment(self.created_at))),
            (
                "last used",
                Cell::new(used.unwrap_or_else(|| "never".to_owned())),
            ),
        ]);
    }
}

impl View for Page<Passkey> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("You have no passkeys. Registering one takes a browser.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|passkey| {
                let used = passkey.last_used_at.map(|at| sheet.age(at));
                [
                    Cell::new(&passkey.id),
                    Cell::new(printable(&passkey.name)),
                    Cell::new(sheet.age(passkey.created_at)),
                    Cell::new(used.unwrap_or_else(|| "-".to_owned())),
                ]
            })
            .collect();
        sheet.list(["ID", "NAME", "AGE", "LAST USED"], rows);
    }
}
