//! What stands at addresses that lead nowhere.

use leptos::prelude::*;

use crate::{
    components::rest::Empty,
    words::{Text, t},
};

/// There is no such page.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <h1>{t(Text::NotFound)}</h1>
        <Empty title=t(Text::NotFound) more=t(Text::NotFoundMore)>
            <a class="button" href="/">{t(Text::Overview)}</a>
        </Empty>
    }
}
