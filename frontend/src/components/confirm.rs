//! What cannot be taken back: its plan is shown, and its name has to be typed.

use leptos::{prelude::*, task::spawn_local};
use muster_api::plan::Plan;

use super::{
    cli_line::CliLine, dialog::Dialog, field::Field, plan::PlanView, rest::Skeleton,
    trouble::Trouble,
};
use crate::{
    api::{self, Answer, fetch::Body},
    words::{Text, t, with},
};

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deed {
    /// What the dialog and its button are called.
    pub title: String,
    /// What happens.
    pub more: &'static str,
    /// What has to be typed; nothing if it is empty.
    pub name: String,
    /// The host of the group that is to do it; this one if it is empty.
    pub node: String,
    /// The method.
    pub method: &'static str,
    /// The address.
    pub path: String,
    /// The command that does the same.
    pub command: String,
    /// Whether it may be forced, and how that is said.
    pub force: Option<&'static str>,
}

/// Asks before a deed is done, as long as there is one.
#[component]
pub fn Confirm(deed: RwSignal<Option<Deed>>, done: Callback<()>) -> impl IntoView {
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(deed.with(Option::is_some)));
    Effect::new(move |before: Option<bool>| {
        let now = open.get();
        if before == Some(true) && !now {
            deed.set(None);
        }
        now
    });
    let title = move || {
        deed.with(|deed| {
            deed.as_ref()
                .map_or_else(String::new, |it| it.title.clone())
        })
    };
    view! {
        <Dialog open title=Signal::derive(title)>
            {move || deed.get().map(|deed| view! { <Asked deed open done /> })}
        </Dialog>
    }
}

#[component]
fn Asked(deed: Deed, open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let force = RwSignal::new(false);
    let plan = RwSignal::new(None::<Answer<Plan>>);
    let failed = RwSignal::new(None);
    let busy = RwSignal::new(false);
    let path = StoredValue::new(deed.path.clone());
    let method = deed.method;
    let node = StoredValue::new(deed.node.clone());
    let address = move |dry: bool| {
        let mut query = Vec::new();
        if force.get() {
            query.push("force=true");
        }
        if dry {
            query.push("dry_run=true");
        }
        format!("{}?{}", path.get_value(), query.join("&"))
    };
    Effect::new(move |_| {
        let address = address(true);
        spawn_local(async move {
            let answer = api::carry::<Plan>(&node.get_value(), method, &address, Body::None).await;
            let _ = plan.try_set(Some(answer));
        });
    });
    let act = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let address = untrack(|| address(false));
        busy.set(true);
        spawn_local(async move {
            let node = node.get_value();
            match api::carry::<serde_json::Value>(&node, method, &address, Body::None).await {
                Ok(_) => {
                    open.set(false);
                    done.run(());
                }
                Err(failure) => {
                    let _ = failed.try_set(Some(failure));
                    let _ = busy.try_set(false);
                }
            }
        });
    };
    let name = StoredValue::new(deed.name.clone());
    let ready = move || typed.get().trim() == name.get_value() && !busy.get();
    let command = deed.command.clone();
    let button = if deed.name.is_empty() {
        "primary"
    } else {
        "danger"
    };
    let told = move || {
        let forced = if force.get() { " --force" } else { "" };
        format!("{command}{forced}")
    };
    view! {
        <form on:submit=act>
            <p>{deed.more}</p>
            {move || match plan.get() {
                None => view! { <Skeleton lines=2 /> }.into_any(),
                Some(Ok(plan)) => view! { <PlanView plan /> }.into_any(),
                Some(Err(failure)) => view! { <Trouble failure /> }.into_any(),
            }}
            {deed.force.map(|word| view! {
                <label class="check">
                    <input type="checkbox" prop:checked=force on:change=move |event| force.set(event_target_checked(&event)) />
                    {word}
                </label>
            })}
            {(!deed.name.is_empty()).then(|| view! {
                <Field name="confirm" label=with(Text::TypeToConfirm, &[&deed.name]) value=typed focus=true />
            })}
            {move || failed.get().map(|failure| view! { <Trouble failure /> })}
            <CliLine command=Signal::derive(told) />
            <footer>
                <button type="button" on:click=move |_| open.set(false)>{t(Text::Cancel)}</button>
                <button type="submit" class=button disabled=move || !ready()>{deed.title.clone()}</button>
            </footer>
        </form>
    }
}
