//! How something is, as a word with a mark whose shape tells as much as its colour.

use leptos::prelude::*;
pub use muster_console_model::table::Mood;

/// A state.
#[component]
pub fn Badge(mood: Mood, #[prop(into)] text: String) -> impl IntoView {
    let class = match mood {
        Mood::Good => "badge good",
        Mood::Busy => "badge busy",
        Mood::Calm => "badge calm",
        Mood::Bad => "badge bad",
    };
    view! { <span class=class>{text}</span> }
}
