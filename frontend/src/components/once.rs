//! What is shown once: secrets, and links that are as good as one.

use leptos::prelude::*;

use super::copy::Copy;
use crate::words::{Text, t};

/// A secret, with a button to copy it and what to know about it.
#[component]
pub fn Once(value: String, more: Text) -> impl IntoView {
    view! {
        <div class="card once" role="status">
            <p>{t(more)}</p>
            <output class="secret" tabindex="0" aria-label=t(Text::Secret)>{value.clone()}</output>
            <Copy text=value />
        </div>
    }
}
