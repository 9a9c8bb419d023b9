//! Terms of use: their versions, what each says, and who accepted it.

use leptos::prelude::*;
use muster_api::{
    permissions::Permission,
    terms::{Acceptance, NewTerm, Term, TermFormat, TermInfo},
};
use muster_console_model::table::{Cell, Mood, Row};
use serde_json::Value;
use time::OffsetDateTime;

use super::words;
use crate::{
    api::{self, Asked, follow::follow},
    components::{
        address::in_address,
        cli_line::CliLine,
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        rest::{Empty, shown},
        table::{Table, rows},
    },
    session::Session,
    words::{Text, t, with},
};

const FORMATS: [TermFormat; 3] = [TermFormat::Markdown, TermFormat::Plain, TermFormat::Html];

/// The versions, or one of them, as the address says.
#[component]
pub fn Terms() -> impl IntoView {
    let (version, _) = in_address("version");
    let version = Memo::new(move |_| version.get().and_then(|it| it.parse::<u64>().ok()));
    move || match version.get() {
        Some(version) => view! { <Version version /> }.into_any(),
        None => view! { <Versions /> }.into_any(),
    }
}

#[component]
fn Versions() -> impl IntoView {
    let (terms, again) = follow(&["term"], || api::list::<TermInfo>("/terms"));
    let session = expect_context::<Session>();
    // The newest is the first.
    let table = rows(terms, |all| {
        let newest = all.first().map(|newest| newest.version);
        let row = |info: &TermInfo| row(info, newest == Some(info.version));
        all.iter().map(row).collect()
    });
    let open = RwSignal::new(false);
    let done = Callback::new(move |_| again.update(|count| *count += 1));
    view! {
        <Show when=move || session.may(Permission::TermWrite)>
            <div class="actions part-actions">
                <button type="button" class="primary" on:click=move |_| open.set(true)>{t(Text::AddTerms)}</button>
            </div>
        </Show>
        <Table
            label=Text::Terms
            heads=&[Text::Version, Text::State, Text::Type, Text::Size, Text::Made]
            rows=table
        >
            <Empty title=t(Text::NoTerms) more=t(Text::NoTermsMore)>""</Empty>
        </Table>
        <Dialog open title=t(Text::AddTerms).to_owned() wide=true><Add open done /></Dialog>
    }
}

fn row(info: &TermInfo, is_newest: bool) -> Row {
    let counts = is_newest.then(|| (Mood::Good, t(Text::Counts).to_owned()));
    let path = format!("/identity/terms?version={}", info.version);
    let cells = vec![
        Cell::Link(path, with(Text::VersionOf, &[&info.version.to_string()])),
        Cell::States(counts.into_iter().collect()),
        Cell::Text(info.media_type.word().to_owned()),
        Cell::bytes(info.size),
        Cell::since(info.created_at, OffsetDateTime::now_utc()),
    ];
    Row::new(info.version.to_string(), cells)
}

/// What a version says, and who accepted it.
#[component]
fn Version(version: u64) -> impl IntoView {
    // A version never changes.
    let (term, _) = follow(&[], move || async move {
        api::get::<Term>(&format!("/terms/{version}")).await
    });
    let may = expect_context::<Session>().may(Permission::TermWrite);
    view! {
        <div class="actions part-actions">
            <h2>
                <a href="/identity/terms" class="up">{t(Text::Terms)}</a>
                " / "
                {with(Text::VersionOf, &[&version.to_string()])}
            </h2>
        </div>
        <CliLine command=format!("muster term show {version}") />
        {shown(term, 6, |term| view! {
            <pre class="log" tabindex="0">{term.text}</pre>
            <p class="hint mono">{format!("SHA-256 {}", term.info.digest)}</p>
        })}
        {may.then(|| view! { <Acceptances version /> })}
    }
}

#[component]
fn Acceptances(version: u64) -> impl IntoView {
    let path = format!("/term-acceptances?version={version}");
    let (accepted, _) = follow(&["term"], move || {
        let path = path.clone();
        async move { api::list::<Acceptance>(&path).await }
    });
    let table = rows(accepted, |all| all.iter().map(accepted_row).collect());
    view! {
        <h2>{t(Text::Accepted)}</h2>
        <Table
            label=Text::Accepted
            heads=&[Text::User, Text::When, Text::FromWhere]
            rows=table
        >
            <Empty title=t(Text::Accepted) more=t(Text::NobodyAccepted)>""</Empty>
        </Table>
        <CliLine command=format!("muster term acceptances --version {version}") />
    }
}

fn accepted_row(one: &Acceptance) -> Row {
    let cells = vec![
        Cell::Text(one.name.clone()),
        Cell::since(one.accepted_at, OffsetDateTime::now_utc()),
        Cell::maybe(one.origin.clone()),
    ];
    Row::new(one.user.to_string(), cells)
}

#[component]
fn Add(open: RwSignal<bool>, done: Callback<Value>) -> impl IntoView {
    let format = Input::new("media_type", t(Text::Type))
        .kind(Kind::Choice(words(&FORMATS.map(TermFormat::word))))
        .filled(TermFormat::Markdown.word());
    let text = Input::new("text", t(Text::Terms)).kind(Kind::Lines);
    let inputs = vec![format.clone(), text.clone()];
    let chosen = format.clone();
    let ask = Callback::new(move |()| {
        let found = FORMATS.into_iter().find(|it| it.word() == format.get());
        let new = NewTerm {
            media_type: found.unwrap_or_default(),
            // Spaces at its ends are a part of it.
            text: text.value.get(),
        };
        Asked {
            method: "POST",
            path: "/terms".to_owned(),
            body: serde_json::to_value(new).ok(),
            ..Asked::default()
        }
    });
    let command = move || format!("muster term add FILE --media-type {}", chosen.get());
    view! {
        <p>{t(Text::AddTermsMore)}</p>
        <Form inputs ask command=Signal::derive(command) button=Text::AddTerms done open />
    }
}
