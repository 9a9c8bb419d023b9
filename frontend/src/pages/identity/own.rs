//! One's own sessions: where one is signed in.

use leptos::prelude::*;
use muster_api::sessions::Session as SignIn;
use muster_console_model::table::{Action, Cell, Mood, Row};
use time::OffsetDateTime;

use crate::{
    api::{self, follow::follow},
    components::{
        confirm::{Confirm, Deed},
        rest::Empty,
        table::{Table, rows},
    },
    words::{Text, t},
};

/// The sessions.
#[component]
pub fn Sessions() -> impl IntoView {
    let (sessions, again) = follow(&["session"], || api::list::<SignIn>("/self/sessions"));
    let table = rows(sessions, |all| all.iter().map(row).collect());
    let deed = RwSignal::new(None::<Deed>);
    let act = Callback::new(move |(_, id): (&str, String)| {
        deed.set(Some(Deed {
            title: t(Text::EndSession).to_owned(),
            more: t(Text::EndSessionMore),
            method: "DELETE",
            path: format!("/self/sessions/{id}"),
            command: format!("muster session end {id}"),
            ..Deed::default()
        }));
    });
    view! {
        <Table
            label=Text::Sessions
            heads=&[Text::With, Text::State, Text::How, Text::FromWhere, Text::Since, Text::LastUsed]
            rows=table
            act
        >
            <Empty title=t(Text::Sessions) more=t(Text::NothingFits)>""</Empty>
        </Table>
        <Confirm deed done=Callback::new(move |()| again.update(|count| *count += 1)) />
    }
}

fn row(session: &SignIn) -> Row {
    let now = OffsetDateTime::now_utc();
    let agent = session.agent.clone().unwrap_or_default();
    let here = session
        .current
        .then(|| (Mood::Good, t(Text::ThisOne).to_owned()));
    Row {
        id: session.id.to_string(),
        cells: vec![
            Cell::Noted(session.client.clone(), agent),
            Cell::States(here.into_iter().collect()),
            Cell::Text(session.method.clone()),
            Cell::maybe(session.origin.clone()),
            Cell::since(session.created_at, now),
            Cell::since(session.last_used_at, now),
        ],
        // This one ends by signing out.
        actions: (!session.current)
            .then(|| Action::danger("end", Text::End))
            .into_iter()
            .collect(),
    }
}
