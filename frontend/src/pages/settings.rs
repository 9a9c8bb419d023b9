//! Settings: the sections of the configuration, each as a form that the host's own
//! description of its API makes.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use muster_api::{
    config::{SectionSummary, SectionView},
    permissions::Permission,
};
use muster_console_model::{
    schema::{Entry, Sort, entries, put},
    table::{Cell, Mood, Row},
};
use serde_json::Value;

use crate::{
    api::{
        self, Answer, Asked,
        fetch::{self, Body, escape},
        follow::follow,
    },
    components::{
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        field::Kind,
        form::{Form, Input},
        rest::{Empty, shown},
        table::{Table, rows},
    },
    session::Session,
    words::{Text, t, with},
};

/// The sections.
#[component]
pub fn Settings() -> impl IntoView {
    let (sections, _) = follow(&["config"], || api::list::<SectionSummary>("/config"));
    let table = rows(sections, |sections| sections.iter().map(row).collect());
    view! {
        <div class="head">
            <h1>{t(Text::Settings)}</h1>
            <CliLine command="muster config list".to_owned() />
        </div>
        <Table label=Text::Settings heads=&[Text::Name, Text::Description, Text::State] rows=table>
            <Empty title=t(Text::Settings) more=t(Text::NothingFits)>""</Empty>
        </Table>
    }
}

fn row(section: &SectionSummary) -> Row {
    let (mood, word) = if section.is_set {
        (Mood::Good, Text::IsSet)
    } else {
        (Mood::Calm, Text::IsDefault)
    };
    let path = format!("/settings/{}", escape(&section.section));
    let cells = vec![
        Cell::Link(path, section.section.clone()),
        Cell::Text(section.about.clone()),
        Cell::state(mood, t(word)),
    ];
    Row::new(section.section.clone(), cells)
}

/// A section and what its keys mean.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    view: SectionView,
    entries: Vec<Entry>,
}

async fn see(section: &str) -> Answer<Seen> {
    let view: SectionView = api::get(&format!("/config/{}", escape(section))).await?;
    let reply = fetch::signed("", "GET", "/api/openapi.json", Body::None).await?;
    let document: Value = serde_json::from_str(&reply.text).unwrap_or_default();
    let entries = entries(&view, &document);
    Ok(Seen { view, entries })
}

/// One section.
#[component]
pub fn OneSection() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("section").unwrap_or_default()));
    move || view! { <Named name=name.get() /> }
}

#[component]
fn Named(name: String) -> impl IntoView {
    let section = StoredValue::new(name.clone());
    let (seen, again) = follow(&["config"], move || {
        let section = section.get_value();
        async move { see(&section).await }
    });
    let deed = RwSignal::new(None::<Deed>);
    let reset = move |_| {
        let name = section.get_value();
        deed.set(Some(Deed {
            title: with(Text::ResetSection, &[&name]),
            more: t(Text::ResetMore),
            method: "DELETE",
            path: format!("/config/{}", escape(&name)),
            command: format!("muster config reset {name}"),
            name,
            ..Deed::default()
        }));
    };
    let session = expect_context::<Session>();
    let is_set =
        Memo::new(move |_| seen.with(|seen| matches!(seen, Some(Ok(seen)) if seen.view.is_set)));
    let reread = move || again.update(|count| *count += 1);
    view! {
        <div class="head">
            <h1><a href="/settings" class="up">{t(Text::Settings)}</a>" / "{name.clone()}</h1>
            <CliLine command=format!("muster config show {name}") />
            <Show when=move || is_set.get() && session.may(Permission::ConfigWrite)>
                <div class="actions">
                    <button type="button" class="danger" on:click=reset>{t(Text::Reset)}</button>
                </div>
            </Show>
        </div>
        {shown(seen, 6, move |seen| view! { <Values seen reread=Callback::new(move |()| reread()) /> })}
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

#[component]
fn Values(seen: Seen, reread: Callback<()>) -> impl IntoView {
    let SectionView {
        section,
        about,
        leader,
        values,
        ..
    } = seen.view;
    let input = |entry: &Entry| {
        let kind = match &entry.sort {
            Sort::Flag => Kind::Check,
            Sort::Number => Kind::Number,
            Sort::Secret => Kind::Secret,
            Sort::Choice(words) => {
                Kind::Choice(words.iter().map(|it| (it.clone(), it.clone())).collect())
            }
            Sort::Text | Sort::Time | Sort::Size | Sort::Json => Kind::Line,
        };
        Input::new(&entry.name, &entry.name)
            .kind(kind)
            .hint(&entry.about)
            .filled(&entry.text)
    };
    let inputs: Vec<_> = seen.entries.iter().map(input).collect();
    let held = StoredValue::new((inputs.clone(), seen.entries, values));
    let path = format!("/config/{}", escape(&section));
    let ask = Callback::new(move |()| {
        held.with_value(|(inputs, entries, values)| {
            let mut wanted = values.clone();
            for (input, entry) in inputs.iter().zip(entries) {
                let text = input.value.get();
                if text != entry.text {
                    put(&mut wanted, &entry.name, entry.sort.read(&text));
                }
            }
            Asked {
                method: "PUT",
                path: path.clone(),
                body: Some(wanted),
                ..Asked::default()
            }
        })
    });
    let command = move || {
        held.with_value(|(inputs, entries, _)| {
            let changed = inputs.iter().zip(entries).filter_map(|(input, entry)| {
                let text = input.value.get();
                (text != entry.text).then(|| format!(" {}={}", entry.name, entry.sort.read(&text)))
            });
            let changed: String = changed.collect();
            let told = if changed.is_empty() {
                " KEY=VALUE"
            } else {
                &changed
            };
            format!("muster config set {section}{told}")
        })
    };
    let saved = RwSignal::new(false);
    let done = Callback::new(move |_| {
        saved.set(true);
        reread.run(());
    });
    let may = expect_context::<Session>().may(Permission::ConfigWrite) && leader.is_none();
    view! {
        <p class="hint">{about}</p>
        {leader.map(|leader| view! { <p class="hint">{with(Text::OfLeader, &[&leader])}</p> })}
        <fieldset class="settings card" disabled=!may>
            <Form inputs ask command=Signal::derive(command) button=Text::Save done />
        </fieldset>
        {move || saved.get().then(|| view! { <p class="well" role="status">{t(Text::Saved)}</p> })}
    }
}
