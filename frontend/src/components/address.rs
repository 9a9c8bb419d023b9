//! What somebody has chosen on a page, kept in its address, so that a link to it
//! shows the same.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::query_signal_with_options};

use super::field::{Kind, control};
use crate::words::{Text, t};

/// A word of the address, by its name.
pub fn in_address(name: &'static str) -> (Memo<Option<String>>, SignalSetter<Option<String>>) {
    let options = NavigateOptions {
        replace: true,
        scroll: false,
        ..NavigateOptions::default()
    };
    query_signal_with_options(name, options)
}

/// Words of an address as a query of the API; those that are missing are left out.
pub fn query(words: &[(&str, Option<String>)]) -> String {
    let told = words.iter().filter_map(|(name, value)| {
        let value = value.as_ref().filter(|value| !value.is_empty())?;
        Some(format!("&{name}={}", crate::api::fetch::escape(value)))
    });
    told.collect()
}

/// A choice that the address keeps. Another choice begins with the first page.
#[component]
pub fn AddressField(
    name: &'static str,
    label: Text,
    #[prop(optional)] kind: Option<Kind>,
) -> impl IntoView {
    let (kept, keep) = in_address(name);
    let (_, turn) = in_address("cursor");
    let value = RwSignal::new(kept.get_untracked().unwrap_or_default());
    Effect::new(move |_| value.set(kept.get().unwrap_or_default()));
    let chosen = move || {
        let word = value.get_untracked();
        if kept.get_untracked().unwrap_or_default() != word {
            turn.set(None);
            keep.set(Some(word).filter(|word| !word.is_empty()));
        }
    };
    view! {
        <div class="field" on:change=move |_| chosen()>
            <label for=name>{t(label)}</label>
            {control(name.to_owned(), kind.unwrap_or(Kind::Line), value, String::new(), Signal::stored(false))}
        </div>
    }
}

/// Turns the pages of a list that the host keeps: on to older things, and back to
/// the newest.
#[component]
pub fn Turner(#[prop(into)] next: Signal<Option<String>>) -> impl IntoView {
    let (cursor, turn) = in_address("cursor");
    view! {
        <div class="pager">
            <Show when=move || cursor.with(Option::is_some)>
                <button type="button" on:click=move |_| turn.set(None)>{t(Text::Newest)}</button>
            </Show>
            <Show when=move || next.with(Option::is_some)>
                <button type="button" on:click=move |_| turn.set(next.get_untracked())>{t(Text::Older)}</button>
            </Show>
        </div>
    }
}
