//! The command palette: everything that can be reached, by a few letters.

use leptos::{ev::KeyboardEvent, html, prelude::*, task::spawn_local};
use leptos_router::hooks::use_navigate;
use muster_api::{apps::App, hosts::LinkedHost};
use muster_console_model::search::fit;

use super::{dialog::Dialog, places::PLACES};
use crate::{
    api::{self, fetch::escape},
    session::Session,
    words::{Text, t},
};

/// Something to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    kind: &'static str,
    path: String,
}

/// The palette, which opens with Ctrl-K.
#[component]
pub fn Palette(open: RwSignal<bool>) -> impl IntoView {
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("k") {
            event.prevent_default();
            open.update(|open| *open = !*open);
        }
    });
    on_cleanup(move || handle.remove());
    view! {
        <Dialog open title=t(Text::Commands).to_owned()>
            <Finder open />
        </Dialog>
    }
}

#[component]
fn Finder(open: RwSignal<bool>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let entries = RwSignal::new(fixed());
    let field = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            let _ = field.focus();
        }
    });
    spawn_local(async move {
        let mut more = Vec::new();
        if let Ok(apps) = api::list::<App>("/apps").await {
            more.extend(apps.into_iter().map(|app| Entry {
                path: format!("/apps/{}", escape(&app.name)),
                name: app.name,
                kind: t(Text::Apps),
            }));
        }
        if let Ok(hosts) = api::list::<LinkedHost>("/hosts").await {
            more.extend(hosts.into_iter().map(|host| Entry {
                path: format!("/hosts?filter={}", escape(&host.name)),
                name: host.name,
                kind: t(Text::Hosts),
            }));
        }
        let _ = entries.try_update(|entries| entries.extend(more));
    });
    let found = Memo::new(move |_| {
        let typed = typed.get();
        let mut found: Vec<(u32, Entry)> = entries.with(|entries| {
            let fits = |entry: &Entry| Some((fit(&entry.name, &typed)?, entry.clone()));
            entries.iter().filter_map(fits).collect()
        });
        found.sort_by(|one, other| other.0.cmp(&one.0));
        found.truncate(12);
        found
            .into_iter()
            .map(|(_, entry)| entry)
            .collect::<Vec<_>>()
    });
    let navigate = use_navigate();
    let go = Callback::new(move |path: String| {
        open.set(false);
        navigate(&path, Default::default());
    });
    let pressed = move |event: KeyboardEvent| {
        let count = found.with(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|it| *it = (*it + 1) % count),
            "ArrowUp" => chosen.update(|it| *it = (*it + count - 1) % count),
            "Enter" => {
                if let Some(entry) = found.with(|found| found.get(chosen.get_untracked()).cloned())
                {
                    go.run(entry.path);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(number, entry): (usize, Entry)| {
        let path = entry.path.clone();
        view! {
            <li
                role="option"
                id=format!("command-{number}")
                aria-selected=move || (chosen.get() == number).to_string()
                on:click=move |_| go.run(path.clone())
            >
                <span>{entry.name}</span>
                <small>{entry.kind}</small>
            </li>
        }
    };
    view! {
        <input
            node_ref=field
            class="finder"
            type="search"
            role="combobox"
            aria-expanded="true"
            aria-controls="commands"
            aria-label=t(Text::CommandsHint)
            aria-activedescendant=move || format!("command-{}", chosen.get())
            placeholder=t(Text::CommandsHint)
            prop:value=typed
            on:input=move |event| {
                typed.set(event_target_value(&event));
                chosen.set(0);
            }
            on:keydown=pressed
        />
        <ul id="commands" class="commands" role="listbox" aria-label=t(Text::Commands)>
            {move || found.get().into_iter().enumerate().map(option).collect_view()}
        </ul>
        <Show when=move || found.with(Vec::is_empty)>
            <p class="hint">{t(Text::NoCommands)}</p>
        </Show>
    }
}

fn fixed() -> Vec<Entry> {
    let session = expect_context::<Session>();
    let places = PLACES.iter().filter(|place| place.is_open(session));
    let mut entries: Vec<Entry> = places
        .map(|place| Entry {
            name: t(place.text).to_owned(),
            kind: t(Text::Navigation),
            path: place.path.to_owned(),
        })
        .collect();
    for (text, path) in [
        (Text::GenerateToken, "/hosts?do=token"),
        (Text::LinkThis, "/hosts?do=link"),
        (Text::Push, "/apps?do=push"),
    ] {
        entries.push(Entry {
            name: t(text).to_owned(),
            kind: t(Text::Commands),
            path: path.to_owned(),
        });
    }
    entries
}
