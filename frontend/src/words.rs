//! Texts in the language of whoever looks.

use std::cell::Cell;

pub use muster_console_model::catalogue::Text;
use muster_console_model::catalogue::{Language, fill};

const KEPT: &str = "muster.language";

thread_local! {
    static LANGUAGE: Cell<Language> = const { Cell::new(Language::English) };
}

/// Finds the language: the one that was chosen, else the browser's.
pub fn settle() {
    let window = leptos::prelude::window();
    let chosen = kept().and_then(|tag| Language::of_tag(&tag));
    let browsers = window.navigator().language();
    let language = chosen
        .or_else(|| Language::of_tag(&browsers?))
        .unwrap_or_default();
    LANGUAGE.set(language);
    if let Some(root) = leptos::prelude::document().document_element() {
        let _ = root.set_attribute("lang", language.tag());
    }
}

/// The language.
pub fn language() -> Language {
    LANGUAGE.get()
}

/// Keeps another language. It counts from the next load on, so the page loads anew.
pub fn choose(language: Language) {
    let window = leptos::prelude::window();
    if let Ok(Some(storage)) = window.local_storage() {
        let _ = storage.set_item(KEPT, language.tag());
    }
    let _ = window.location().reload();
}

fn kept() -> Option<String> {
    let storage = leptos::prelude::window().local_storage().ok()??;
    storage.get_item(KEPT).ok()?
}

/// A text.
pub fn t(text: Text) -> &'static str {
    text.say(LANGUAGE.get())
}

/// A text with values in it.
pub fn with(text: Text, values: &[&str]) -> String {
    fill(t(text), values)
}
