//! Dialogs: the browser's own, which keep the focus inside and close with Escape.

use leptos::{html, prelude::*};

use super::icon::{Icon, Shape};
use crate::words::{Text, t};

/// A dialog that is there while `open` is true.
#[component]
pub fn Dialog(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    #[prop(optional)] wide: bool,
    children: ChildrenFn,
) -> impl IntoView {
    let element = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = element.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                let _ = dialog.show_modal();
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let class = if wide { "wide" } else { "" };
    view! {
        <dialog node_ref=element class=class aria-label=title on:close=move |_| open.set(false)>
            <Show when=move || open.get()>
                <header>
                    <h2>{title}</h2>
                    <button type="button" class="quiet square" aria-label=t(Text::Close) on:click=move |_| open.set(false)>
                        <Icon shape=Shape::Close />
                    </button>
                </header>
                <div class="dialog-body">{children()}</div>
            </Show>
        </dialog>
    }
}
