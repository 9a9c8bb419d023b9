//! Light and dark: as the system has it, unless somebody chooses.

use leptos::prelude::*;

use crate::words::{Text, t};

const KEPT: &str = "muster.theme";

/// Puts the chosen theme in force.
pub fn settle() {
    if let Some(theme) = chosen() {
        wear(&theme);
    }
}

fn chosen() -> Option<String> {
    window().local_storage().ok()??.get_item(KEPT).ok()?
}

fn wear(theme: &str) {
    let Some(root) = document().document_element() else {
        return;
    };
    let _ = if theme.is_empty() {
        root.remove_attribute("data-theme")
    } else {
        root.set_attribute("data-theme", theme)
    };
}

/// The choice.
#[component]
pub fn ThemeChoice() -> impl IntoView {
    let now = RwSignal::new(chosen().unwrap_or_default());
    let choose = move |theme: String| {
        if let Ok(Some(storage)) = window().local_storage() {
            let _ = if theme.is_empty() {
                storage.remove_item(KEPT)
            } else {
                storage.set_item(KEPT, &theme)
            };
        }
        wear(&theme);
        now.set(theme);
    };
    view! {
        <label class="choice">
            <span>{t(Text::Theme)}</span>
            <select prop:value=now on:change=move |event| choose(event_target_value(&event))>
                <option value="">{t(Text::ThemeSystem)}</option>
                <option value="light">{t(Text::ThemeLight)}</option>
                <option value="dark">{t(Text::ThemeDark)}</option>
            </select>
        </label>
    }
}
