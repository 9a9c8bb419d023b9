//! Users and sessions.

use comfy_table::Cell;
use muster_api::{
    page::Page,
    sessions::Session,
    users::{Profile, User, UserState},
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{moment, printable, yes_no},
};

fn state(state: UserState) -> Cell {
    let mood = match state {
        UserState::Active => Mood::Good,
        UserState::Unverified | UserState::Pending => Mood::Wary,
        UserState::Suspended => Mood::Bad,
        UserState::Deleted => Mood::Plain,
    };
    mood.cell(state.word())
}

fn facts(user: &User, sheet: &mut Sheet) {
    let email = match &user.email {
        Some(email) if user.email_verified => format!("{} (verified)", printable(email)),
        Some(email) => format!("{} (not verified)", printable(email)),
        None => "-".to_owned(),
    };
    let login = user.last_login_at.map_or("never".to_owned(), moment);
    sheet.facts([
        ("user", Cell::new(printable(&user.name))),
        ("id", Cell::new(user.id)),
        ("name", Cell::new(printable(&user.display_name))),
        ("email", Cell::new(email)),
        ("type", Cell::new(user.kind.word())),
        ("state", state(user.state)),
        ("created", Cell::new(moment(user.created_at))),
        ("last login", Cell::new(login)),
    ]);
}

/// What helps somebody who has not followed their link, or got none.
fn unverified(user: &User) -> String {
    format!(
        "Who is unverified has not followed the link that they got. If no mail reached them, make another link with: muster user send-activation {}",
        printable(&user.name)
    )
}

impl View for Page<User> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no such users.");
            return;
        }
        let rows = self.items.iter().map(|user| {
            let login = user.last_login_at.map(|at| sheet.age(at));
            [
                Cell::new(printable(&user.name)),
                Cell::new(user.kind.word()),
                state(user.state),
                Cell::new(printable(user.email.as_deref().unwrap_or("-"))),
                Cell::new(login.as_deref().unwrap_or("never")),
            ]
        });
        let rows: Vec<_> = rows.collect();
        sheet.list(["USER", "TYPE", "STATE", "EMAIL", "LAST LOGIN"], rows);
        let waits = |user: &&User| user.state == UserState::Unverified;
        if let Some(user) = self.items.iter().find(waits) {
            sheet.gap();
            sheet.line(&unverified(user));
        }
    }
}

impl View for User {
    fn show(&self, sheet: &mut Sheet) {
        facts(self, sheet);
        if self.state == UserState::Unverified {
            sheet.gap();
            sheet.line(&unverified(self));
        }
    }
}

impl View for Profile {
    fn show(&self, sheet: &mut Sheet) {
        facts(&self.user, sheet);
        sheet.gap();
        sheet.line("You may everywhere:");
        for permission in &self.permissions {
            sheet.line(&format!("  {permission}: {}", permission.description()));
        }
        for project in &self.projects {
            let words: Vec<_> = project
                .permissions
                .iter()
                .map(ToString::to_string)
                .collect();
            sheet.gap();
            sheet.line(&format!("In the project {}:", printable(&project.project)));
            sheet.line(&format!("  {}", words.join(", ")));
        }
    }
}

impl View for Page<Session> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no sessions.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|session| {
                [
                    Cell::new(session.id),
                    Cell::new(printable(&session.client)),
                    Cell::new(printable(&session.method)),
                    Cell::new(session.origin.as_deref().unwrap_or("-")),
                    Cell::new(sheet.age(session.last_used_at)),
                    Cell::new(yes_no(session.current)),
                ]
            })
            .collect();
        sheet.list(
            ["SESSION", "CLIENT", "METHOD", "FROM", "USED", "THIS ONE"],
            rows,
        );
    }
}
