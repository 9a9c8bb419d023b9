//! The audit log: who changed what, and whether the log is what was written.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    audit::{AuditOutcome, AuditRecord, AuditVerification},
    page::Page,
};
use muster_console_model::table::{Action, Cell, Mood, Row};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    api::{self, Answer, follow::follow},
    components::{
        address::{AddressField, Turner, in_address, query},
        badge::Badge,
        cli_line::CliLine,
        copy::Copy,
        dialog::Dialog,
        field::{Field, Kind},
        rest::Empty,
        table::{Table, rows},
        trouble::Trouble,
    },
    words::{Text, t, with},
};

/// What the log tells of, as the stream of changes names it.
const TOPICS: &[&str] = &[
    "app",
    "route",
    "job",
    "project",
    "quota",
    "role",
    "user",
    "session",
    "key",
    "access-role",
    "access-binding",
    "config",
    "logging",
    "signing-key",
    "bundle",
    "host",
    "link",
    "link-token",
    "cluster",
    "certificate",
    "backup",
    "term",
    "blocks",
    "message",
];
/// By what the log can be searched, as the address and the command line name it.
const WORDS: [&str; 5] = ["actor", "action", "subject", "origin", "outcome"];

/// The page.
#[component]
pub fn Audit() -> impl IntoView {
    let words = WORDS.map(|name| (name, in_address(name).0));
    let (cursor, _) = in_address("cursor");
    let told = move || words.map(|(name, word)| (name, word.get()));
    let (records, _) = follow(TOPICS, move || {
        let path = format!(
            "/audit?limit=100{}{}",
            query(&told()),
            query(&[("cursor", cursor.get())])
        );
        async move { api::get::<Page<AuditRecord>>(&path).await }
    });
    let next = move || records.with(|page| page.as_ref()?.as_ref().ok()?.next.clone());
    let table = rows(records, |page| page.items.iter().map(row).collect());
    // An entry that is looked at is in the address, too.
    let (entry, look) = in_address("entry");
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(entry.with(Option::is_some)));
    Effect::new(move |before: Option<bool>| {
        let now = open.get();
        if before == Some(true) && !now {
            look.set(None);
        }
        now
    });
    let found = move || {
        let number: u64 = entry.get()?.parse().ok()?;
        records.with(|page| {
            let items = &page.as_ref()?.as_ref().ok()?.items;
            items.iter().find(|it| it.number == number).cloned()
        })
    };
    let act = Callback::new(move |(_, id): (&str, String)| look.set(Some(id)));
    let check = RwSignal::new(false);
    let command = move || {
        let words = told()
            .into_iter()
            .filter_map(|(name, value)| Some(format!(" --{name} '{}'", value?)));
        format!("muster audit list{}", words.collect::<String>())
    };
    let outcomes = [
        ("", Text::Any),
        ("done", Text::Done),
        ("refused", Text::Refused),
    ];
    let outcomes = outcomes
        .map(|(word, text)| (word.to_owned(), t(text).to_owned()))
        .to_vec();
    view! {
        <div class="head">
            <h1>{t(Text::Audit)}</h1>
            <CliLine command=Signal::derive(command) />
            <div class="actions">
                <button type="button" on:click=move |_| check.set(true)>{t(Text::CheckLog)}</button>
            </div>
        </div>
        <div class="filters">
            <AddressField name="actor" label=Text::Who />
            <AddressField name="action" label=Text::What />
            <AddressField name="subject" label=Text::ToWhat />
            <AddressField name="origin" label=Text::FromWhere />
            <AddressField name="outcome" label=Text::Outcome kind=Kind::Choice(outcomes) />
        </div>
        <Table
            label=Text::Audit
            heads=&[Text::Number, Text::When, Text::Who, Text::What, Text::ToWhat, Text::Outcome, Text::FromWhere]
            rows=table
            act
        >
            <Empty title=t(Text::Audit) more=t(Text::NothingFits)>""</Empty>
        </Table>
        <Turner next=Signal::derive(next) />
        <Dialog open title=Signal::derive(move || with(Text::Entry, &[&entry.get().unwrap_or_default()])) wide=true>
            {move || found().map(one)}
        </Dialog>
        <Dialog open=check title=t(Text::CheckLog).to_owned()>
            <Check />
        </Dialog>
    }
}

fn row(record: &AuditRecord) -> Row {
    let entry = &record.entry;
    let outcome = match entry.outcome {
        AuditOutcome::Done => Cell::state(Mood::Good, t(Text::Done)),
        AuditOutcome::Refused => Cell::state(Mood::Bad, t(Text::Refused)),
    };
    let times = (entry.times > 1).then(|| format!("× {}", entry.times));
    Row {
        id: record.number.to_string(),
        cells: vec![
            Cell::count(record.number),
            Cell::since(entry.at, OffsetDateTime::now_utc()),
            Cell::Text(entry.actor.clone()),
            times.map_or_else(
                || Cell::Code(entry.action.clone()),
                |times| Cell::Noted(entry.action.clone(), times),
            ),
            Cell::Text(entry.subject.clone()),
            outcome,
            Cell::maybe(entry.origin.clone()),
        ],
        actions: vec![Action::new("look", Text::Look)],
    }
}

/// All that an entry remembers.
fn one(record: AuditRecord) -> impl IntoView {
    let entry = record.entry;
    let facts = [
        (Text::When, Some(entry.at.to_string())),
        (Text::Who, Some(entry.actor)),
        (Text::Credential, entry.credential),
        (Text::What, Some(entry.action)),
        (Text::ToWhat, Some(entry.subject)),
        (Text::Why, entry.reason),
        (Text::FromWhere, entry.origin),
        (Text::Request, entry.request_id),
        (Text::Hash, Some(record.hash.to_string())),
    ];
    let fact = |(text, value): (Text, Option<String>)| {
        value.map(|value| view! { <div><dt>{t(text)}</dt><dd class="mono">{value}</dd></div> })
    };
    let values = [
        (Text::Earlier, entry.before),
        (Text::Afterwards, entry.after),
    ];
    let value = |(text, value): (Text, Option<Value>)| {
        let text_of = |value: Value| serde_json::to_string_pretty(&value).unwrap_or_default();
        value.map(|value| {
            view! {
                <h3>{t(text)}</h3>
                <pre class="log" tabindex="0">{text_of(value)}</pre>
            }
        })
    };
    view! {
        <dl class="facts-list">{facts.map(fact).into_iter().collect_view()}</dl>
        {values.map(value).into_iter().collect_view()}
    }
}

/// The check for tampering, against a place that was noted before.
#[component]
fn Check() -> impl IntoView {
    let head = RwSignal::new(String::new());
    let answer = RwSignal::new(None::<Answer<AuditVerification>>);
    let wrong = move || answer.with(|it| it.as_ref()?.as_ref().err()?.of_field("head"));
    let check = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let noted = Some(head.get_untracked().trim().to_owned());
        spawn_local(async move {
            let query = query(&[("head", noted)]).replacen('&', "?", 1);
            let told = api::get(&format!("/audit/verification{query}")).await;
            let _ = answer.try_set(Some(told));
        });
    };
    let command = move || {
        let head = head.get();
        let noted = if head.is_empty() {
            String::new()
        } else {
            format!(" --head {head}")
        };
        format!("muster audit verify{noted}")
    };
    let told = move || {
        answer.get().map(|answer| match answer {
            Err(failure) => view! { <Trouble failure /> }.into_any(),
            Ok(told) => {
                let head = told.head.to_string();
                let (mood, text) = match told.broken {
                    None => (Mood::Good, with(Text::Whole, &[&told.entries.to_string()])),
                    Some(at) => (Mood::Bad, with(Text::Broken, &[&at.number.to_string(), &at.reason])),
                };
                view! {
                    <p role="status"><Badge mood text /></p>
                    <p class="hint">{t(Text::NoteHead)}</p>
                    <output class="secret" tabindex="0" aria-label=t(Text::Head)>{head.clone()}</output>
                    <Copy text=head />
                }
                .into_any()
            }
        })
    };
    view! {
        <form on:submit=check>
            <p>{t(Text::CheckMore)}</p>
            <Field name="head" label=t(Text::Head) hint=t(Text::HeadHint) value=head wrong=Signal::derive(wrong) />
            {told}
            <CliLine command=Signal::derive(command) />
            <footer><button type="submit" class="primary">{t(Text::Check)}</button></footer>
        </form>
    }
}
