//! The command that does what a page does.

use leptos::prelude::*;

use super::copy::Copy;
use crate::words::{Text, t};

/// A command, ready to be copied.
#[component]
pub fn CliLine(#[prop(into)] command: Signal<String>) -> impl IntoView {
    view! {
        <div class="cli" role="group" aria-label=t(Text::SameOnTheCommandLine)>
            <code tabindex="0">{command}</code>
            <Copy text=command />
        </div>
    }
}
