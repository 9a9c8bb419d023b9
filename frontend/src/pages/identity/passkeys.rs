//! One's own passkeys: devices that one unlocks to sign in.

use leptos::{prelude::*, task::spawn_local};
use muster_api::factors::{NewPasskey, Passkey, PasskeyChallenge, PasskeyChange};
use muster_console_model::reading::age;
use serde_json::Value;
use time::OffsetDateTime;

use super::factors::Wish;
use crate::{
    api::Asked,
    components::{
        dialog::Dialog,
        form::{Form, Input},
    },
    session::passkey,
    words::{Text, t, with},
};

/// The passkeys, as a part of all factors.
#[component]
pub fn Passkeys(keys: Vec<Passkey>, want: Callback<Wish>, renamed: Callback<()>) -> impl IntoView {
    let open = RwSignal::new(false);
    let chosen = RwSignal::new(None::<Passkey>);
    let item = move |key: Passkey| {
        let id = StoredValue::new(key.id.clone());
        let name = key.name.clone();
        let used = key.last_used_at.map(|at| {
            let age = age(at, OffsetDateTime::now_utc());
            with(Text::LastUsedAgo, &[&age])
        });
        let used = used.unwrap_or_else(|| t(Text::NeverUsed).to_owned());
        let rename = move |_| {
            chosen.set(Some(key.clone()));
            open.set(true);
        };
        view! {
            <li>
                <span>{name}<small>{used}</small></span>
                <button type="button" class="quiet" on:click=rename>{t(Text::Rename)}</button>
                <button
                    type="button"
                    class="quiet danger-text"
                    on:click=move |_| want.run(Wish::RemovePasskey(id.get_value()))
                >
                    {t(Text::Remove)}
                </button>
            </li>
        }
    };
    let done = Callback::new(move |_| renamed.run(()));
    view! {
        <ul class="things">{keys.into_iter().map(item).collect_view()}</ul>
        <button type="button" on:click=move |_| want.run(Wish::AddPasskey)>{t(Text::AddPasskey)}</button>
        <Dialog open title=t(Text::Rename).to_owned()>
            {move || chosen.get().map(|key| view! { <Rename key open done /> })}
        </Dialog>
    }
}

#[component]
fn Rename(key: Passkey, open: RwSignal<bool>, done: Callback<Value>) -> impl IntoView {
    let name = Input::new("name", t(Text::Name)).filled(key.name);
    let typed = name.clone();
    let id = StoredValue::new(key.id);
    let inputs = vec![name.clone()];
    let ask = Callback::new(move |()| Asked {
        method: "PATCH",
        path: format!("/self/passkeys/{}", id.get_value()),
        body: serde_json::to_value(PasskeyChange { name: name.get() }).ok(),
        ..Asked::default()
    });
    let command = move || {
        format!(
            "muster self passkey rename {} '{}'",
            id.get_value(),
            typed.get()
        )
    };
    view! { <Form inputs ask command=Signal::derive(command) button=Text::Save done open /> }
}

/// Has a device make a passkey, and registers it under a name.
#[component]
pub fn Register(
    challenge: PasskeyChallenge,
    open: RwSignal<bool>,
    done: Callback<Value>,
) -> impl IntoView {
    let made = RwSignal::new(None::<Value>);
    let wrong = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let challenge = StoredValue::new(challenge);
    // The browser asks the device only for whoever has just pressed something.
    let make = move |_| {
        busy.set(true);
        wrong.set(None);
        spawn_local(async move {
            let options = challenge.with_value(|challenge| challenge.options.clone());
            match passkey::create(&options).await {
                Ok(answer) => {
                    let _ = made.try_set(Some(answer));
                }
                Err(why) => {
                    let _ = wrong.try_set(Some(why));
                }
            }
            let _ = busy.try_set(false);
        });
    };
    move || {
        match made.get() {
        Some(answer) => view! { <Keep challenge answer open done /> }.into_any(),
        None => view! {
            <p>{t(Text::MakePasskeyMore)}</p>
            <p class="told" role="alert">{move || wrong.get().map(|why| with(Text::PasskeyFailed, &[&why]))}</p>
            <footer>
                <button type="button" on:click=move |_| open.set(false)>{t(Text::Cancel)}</button>
                <button type="button" class="primary" disabled=busy on:click=make>{t(Text::AskDevice)}</button>
            </footer>
        }
        .into_any(),
    }
    }
}

#[component]
fn Keep(
    challenge: StoredValue<PasskeyChallenge>,
    answer: Value,
    open: RwSignal<bool>,
    done: Callback<Value>,
) -> impl IntoView {
    let name = Input::new("name", t(Text::Name)).hint(t(Text::PasskeyNameHint));
    let inputs = vec![name.clone()];
    let ask = Callback::new(move |()| Asked {
        method: "POST",
        path: "/self/passkeys".to_owned(),
        body: serde_json::to_value(NewPasskey {
            name: name.get(),
            ticket: challenge.with_value(|challenge| challenge.ticket.clone()),
            answer: answer.clone(),
        })
        .ok(),
        ..Asked::default()
    });
    view! { <Form inputs ask button=Text::Save done open /> }
}
