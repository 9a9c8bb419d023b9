//! Links to apps, which are other sites.

use leptos::prelude::*;

/// An address of an app. It opens beside the console and learns nothing of it.
#[component]
pub fn Outward(url: String) -> impl IntoView {
    let shown = url.clone();
    view! { <a class="url" rel="external noopener noreferrer" target="_blank" href=url>{shown}</a> }
}
