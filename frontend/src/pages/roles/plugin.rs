//! Another plugin for a role: uploaded, tried out, and then in place.

use js_sys::Uint8Array;
use leptos::{html, prelude::*, task::spawn_local};
use muster_api::plan::Plan;
use muster_console_model::answer;
use wasm_bindgen_futures::JsFuture;

use super::command;
use crate::{
    api::{
        self, Failure,
        fetch::{Body, away, escape},
    },
    components::{cli_line::CliLine, dialog::Dialog, plan::PlanView, trouble::MaybeTrouble},
    words::{Text, t},
};

/// The dialog.
#[component]
pub fn Replace(open: RwSignal<bool>, role: String, host: String) -> impl IntoView {
    let told = StoredValue::new((role, host));
    view! {
        <Dialog open title=t(Text::ReplacePlugin).to_owned()>
            {
                let (role, host) = told.get_value();
                view! { <Upload open role host /> }
            }
        </Dialog>
    }
}

#[component]
fn Upload(open: RwSignal<bool>, role: String, host: String) -> impl IntoView {
    let line = command(&host, &format!("role add {role} --component FILE"));
    let file = NodeRef::<html::Input>::new();
    let plan = RwSignal::new(None::<Plan>);
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let told = StoredValue::new((role, host));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let chosen = file.get_untracked().and_then(|input| input.files()?.get(0));
        let Some(chosen) = chosen else { return };
        let tries = plan.with_untracked(Option::is_none);
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let (role, host) = told.get_value();
            let dry = if tries { "?dry_run=true" } else { "" };
            let path = format!("/roles/{}{dry}", escape(&role));
            let done = async {
                let bytes = JsFuture::from(chosen.array_buffer()).await.map_err(away)?;
                let body = Body::Bytes(Uint8Array::new(&bytes).to_vec());
                api::carry::<serde_json::Value>(&host, "PUT", &path, body).await
            };
            match done.await {
                Ok(told) if tries => {
                    let _ = plan.try_set(answer::read(told).ok());
                }
                Ok(_) => open.set(false),
                Err(why) => {
                    let _ = failure.try_set(Some(why));
                }
            }
            let _ = busy.try_set(false);
        });
    };
    let word = move || {
        t(if plan.with(Option::is_none) {
            Text::TryPlugin
        } else {
            Text::ReplacePlugin
        })
    };
    view! {
        <form on:submit=submit>
            <p>{t(Text::ReplaceMore)}</p>
            <div class="field">
                <label for="component">{t(Text::Component)}</label>
                <input id="component" node_ref=file type="file" accept=".wasm" required=true on:change=move |_| plan.set(None) />
            </div>
            {move || plan.get().map(|plan| view! { <PlanView plan /> })}
            <MaybeTrouble failure />
            <CliLine command=line />
            <footer>
                <button type="button" on:click=move |_| open.set(false)>{t(Text::Cancel)}</button>
                <button type="submit" class="primary" disabled=busy>{word}</button>
            </footer>
        </form>
    }
}
