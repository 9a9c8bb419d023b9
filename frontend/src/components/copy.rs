//! A button that copies a text.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use super::icon::{Icon, Shape};
use crate::{
    api::events::sleep,
    words::{Text, t},
};

/// Copies what `text` is at the moment, and says for a while that it did.
#[component]
pub fn Copy(#[prop(into)] text: Signal<String>) -> impl IntoView {
    let (done, set_done) = signal(false);
    let copy = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            if write(&text).await {
                set_done.set(true);
                sleep(1_600).await;
                let _ = set_done.try_set(false);
            }
        });
    };
    let shape = move || {
        if done.get() {
            Shape::Check
        } else {
            Shape::Copy
        }
    };
    let word = move || t(if done.get() { Text::Copied } else { Text::Copy });
    view! {
        <button type="button" class="quiet copy" on:click=copy>
            {move || view! { <Icon shape=shape() /> }}
            <span aria-live="polite">{word}</span>
        </button>
    }
}

/// Puts a text on the clipboard: through the clipboard itself, which only secure
/// pages have, else through a selection.
async fn write(text: &str) -> bool {
    let navigator = window().navigator();
    let has_clipboard = js_sys::Reflect::get(&navigator, &"clipboard".into())
        .is_ok_and(|clipboard| !clipboard.is_undefined());
    if has_clipboard {
        return JsFuture::from(navigator.clipboard().write_text(text))
            .await
            .is_ok();
    }
    let Some(body) = document().body() else {
        return false;
    };
    let Ok(area) = document().create_element("textarea") else {
        return false;
    };
    area.set_text_content(Some(text));
    let _ = body.append_child(&area);
    let _ = js_sys::Reflect::get(&area, &"select".into())
        .and_then(|select| select.unchecked_into::<js_sys::Function>().call0(&area));
    let command = js_sys::Reflect::get(&document(), &"execCommand".into()).and_then(|run| {
        run.unchecked_into::<js_sys::Function>()
            .call1(&document(), &"copy".into())
    });
    area.remove();
    command.is_ok_and(|done| done.is_truthy())
}
