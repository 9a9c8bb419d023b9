//! The tour for whoever is here for the first time: a card that says in a minute what is
//! where, and leads there. It is in nobody's way: the page behind it can be used.

use leptos::{ev::KeyboardEvent, html, prelude::*};

use crate::{
    components::icon::{Icon, Shape},
    words::{Text, t, with},
};

/// Where the browser keeps that somebody has seen it.
const KEPT: &str = "muster.tour";

/// What it says: a title, the rest, and the page that it is about.
const STOPS: [(Text, Text, Option<&str>); 7] = [
    (Text::TourWelcome, Text::TourWelcomeMore, None),
    (Text::Overview, Text::TourOverview, Some("/")),
    (Text::Hosts, Text::TourHosts, Some("/hosts")),
    (Text::Apps, Text::TourApps, Some("/apps")),
    (Text::Roles, Text::TourRoles, Some("/roles")),
    (Text::Identity, Text::TourIdentity, Some("/identity")),
    (Text::TourEnd, Text::TourEndMore, None),
];

/// Whether it has not been seen in this browser.
pub fn is_new() -> bool {
    let storage = window().local_storage().ok().flatten();
    storage.is_some_and(|storage| matches!(storage.get_item(KEPT), Ok(None)))
}

/// The card, as long as `open` is true.
#[component]
pub fn Tour(open: RwSignal<bool>) -> impl IntoView {
    let stop = RwSignal::new(0_usize);
    let card = NodeRef::<html::Section>::new();
    let end = move || {
        if let Ok(Some(storage)) = window().local_storage() {
            let _ = storage.set_item(KEPT, "seen");
        }
        stop.set(0);
        open.set(false);
    };
    let go = move |by: isize| {
        let next = stop.get_untracked().saturating_add_signed(by);
        if next >= STOPS.len() {
            end();
            return;
        }
        stop.set(next);
        // What is told next is read out, and the next key goes on from there.
        if let Some(card) = card.get_untracked() {
            let _ = card.focus();
        }
    };
    // Keys are for it from the beginning on.
    Effect::new(move |_| {
        if let Some(card) = card.get() {
            let _ = card.focus();
        }
    });
    let key = move |event: KeyboardEvent| match event.key().as_str() {
        "Escape" => end(),
        "ArrowRight" => go(1),
        "ArrowLeft" => go(-1),
        _ => {}
    };
    let told = move || {
        let (title, more, path) = STOPS[stop.get()];
        let place = path.map(|path| {
            view! { <a class="button" href=path>{t(Text::TourShow)}</a> }
        });
        view! {
            <h2 id="tour-title">{t(title)}</h2>
            <p id="tour-told">{t(more)}</p>
            {place}
        }
    };
    let count = move || {
        let numbers = [stop.get() + 1, STOPS.len()].map(|number| number.to_string());
        with(Text::Of, &[&numbers[0], &numbers[1]])
    };
    let is_last = move || stop.get() + 1 == STOPS.len();
    view! {
        <section
            node_ref=card
            class="tour card"
            role="dialog"
            aria-labelledby="tour-title"
            aria-describedby="tour-told"
            tabindex="-1"
            on:keydown=key
        >
            <button type="button" class="quiet square" aria-label=t(Text::TourSkip) on:click=move |_| end()>
                <Icon shape=Shape::Close />
            </button>
            {told}
            <footer>
                <span>{count}</span>
                <button type="button" disabled=move || stop.get() == 0 on:click=move |_| go(-1)>{t(Text::Before)}</button>
                <button type="button" class="primary" on:click=move |_| go(1)>
                    {move || t(if is_last() { Text::TourDone } else { Text::Next })}
                </button>
            </footer>
        </section>
    }
}
