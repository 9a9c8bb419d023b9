//! The parts that pages are made of, each with something made up in it: for people who
//! build pages, and for tests.

use leptos::prelude::*;
use muster_api::plan::Plan;
use muster_console_model::{
    reading::size,
    table::{Action, Cell, Row},
};

use crate::{
    api::{Answer, Asked, Failure},
    components::{
        badge::{Badge, Mood},
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        field::Kind,
        form::{Form, Input},
        once::Once,
        plan::PlanView,
        rest::{Empty, Skeleton},
        table::{Rows, Table},
        trouble::Trouble,
    },
    words::{Text, t, with},
};

/// How many rows the table has.
const ROWS: u64 = 5_000;
const MOODS: [(Mood, Text); 4] = [
    (Mood::Good, Text::Ready),
    (Mood::Busy, Text::Starting),
    (Mood::Calm, Text::Stopped),
    (Mood::Bad, Text::Failed),
];

/// The page.
#[component]
pub fn Gallery() -> impl IntoView {
    let all: Answer<Vec<Row>> = Ok((1..=ROWS).map(row).collect());
    let rows: Rows = Signal::stored(Some(all));
    let deed = RwSignal::new(None::<Deed>);
    let act = Callback::new(move |(_, name): (&str, String)| {
        deed.set(Some(Deed {
            title: with(Text::DeleteNamed, &[&name]),
            more: t(Text::DeleteMore),
            method: "DELETE",
            path: format!("/apps/{name}"),
            command: format!("muster app delete {name}"),
            name,
            ..Deed::default()
        }));
    });
    let plan = Plan {
        removes: vec![t(Text::Droplet).to_owned()],
        changes: vec![t(Text::Routes).to_owned()],
        ..Plan::default()
    };
    let badges = MOODS.map(|(mood, text)| view! { <Badge mood text=t(text) /> });
    view! {
        <div class="head">
            <h1>{t(Text::Gallery)}</h1>
            <CliLine command="muster --help".to_owned() />
        </div>
        <p class="hint">{t(Text::GalleryMore)}</p>
        <Table
            label=Text::Gallery
            heads=&[Text::Name, Text::State, Text::Number, Text::Memory, Text::Description]
            rows
            act
        >
            <Empty title=t(Text::NoApps) more=t(Text::NoAppsMore)>""</Empty>
        </Table>
        <p class="facts">{badges.collect_view()}</p>
        <div class="cards">
            <section class="card"><Filled /></section>
            <section class="card"><PlanView plan /></section>
            <section class="card"><Skeleton /></section>
            <section class="card"><Trouble failure=Failure::SignedOut /></section>
        </div>
        <Once value="muster1.0123456789".to_owned() more=Text::TokenMore />
        <Empty title=t(Text::NoApps) more=t(Text::NoAppsMore)>""</Empty>
        <Confirm deed done=Callback::new(|()| {}) />
    }
}

fn row(number: u64) -> Row {
    let (mood, text) = MOODS[number as usize % MOODS.len()];
    // Memory is not in the order of the numbers.
    let memory = (number * 7_919) % ROWS + 1;
    let name = format!("row-{number}");
    Row {
        cells: vec![
            Cell::Noted(name.clone(), t(Text::Host).to_owned()),
            Cell::state(mood, t(text)),
            Cell::count(number),
            Cell::bytes(memory << 20),
            Cell::Text(size(muster_api::units::ByteSize(number << 10))),
        ],
        actions: vec![Action::danger("delete", Text::Delete)],
        id: name,
    }
}

/// A form with a field of each kind. The host knows nothing of it and says so.
#[component]
fn Filled() -> impl IntoView {
    let words = ["one", "two"].map(|word| (word.to_owned(), word.to_owned()));
    let kinds = [
        (Kind::Line, Text::Name),
        (Kind::Number, Text::Number),
        (Kind::Secret, Text::Password),
        (Kind::Check, Text::Pause),
        (Kind::Choice(words.to_vec()), Text::State),
    ];
    let input = |(kind, text): (Kind, Text)| {
        let name = format!("part-{}", text as usize);
        Input::new(name, t(text))
            .kind(kind)
            .hint(t(Text::AppNameHint))
    };
    let inputs: Vec<_> = kinds.into_iter().map(input).collect();
    let ask = Callback::new(|()| Asked {
        method: "POST",
        path: "/gallery".to_owned(),
        ..Asked::default()
    });
    let command = "muster --help".to_owned();
    view! { <Form inputs ask command button=Text::Save done=Callback::new(|_| {}) /> }
}
