//! One's own access keys. A key's secret is shown once.

use leptos::prelude::*;
use muster_api::{
    factors::Proof,
    keys::{AccessKey, KeyState, KeyWithSecret, NewKey},
};
use muster_console_model::{
    answer,
    table::{Action, Cell, Mood, Row},
};
use time::OffsetDateTime;

use crate::{
    api::{self, Asked, follow::follow},
    components::{
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        once::Once,
        rest::Empty,
        table::{Table, rows},
    },
    words::{Text, t, with},
};

/// The keys.
#[component]
pub fn Keys() -> impl IntoView {
    let (keys, again) = follow(&["key"], || api::list::<AccessKey>("/self/keys"));
    let table = rows(keys, |keys| keys.iter().map(row).collect());
    let deed = RwSignal::new(None::<Deed>);
    let reread = move || again.update(|count| *count += 1);
    let made = RwSignal::new(None::<KeyWithSecret>);
    let act = Callback::new(move |(_, id): (&str, String)| {
        deed.set(Some(Deed {
            title: with(Text::RevokeKey, &[&id]),
            more: t(Text::RevokeMore),
            method: "DELETE",
            path: format!("/self/keys/{id}"),
            command: format!("muster key revoke {id}"),
            name: id,
            ..Deed::default()
        }));
    });
    let open = RwSignal::new(false);
    let done = Callback::new(move |told| {
        made.set(answer::read(told).ok());
        reread();
    });
    let secret = move || {
        made.get().map(|made| {
            let both = format!("{} {}", made.key.id, made.secret);
            view! { <Once value=both more=Text::SecretMore /> }
        })
    };
    view! {
        <div class="actions part-actions">
            <button type="button" class="primary" on:click=move |_| open.set(true)>{t(Text::CreateKey)}</button>
        </div>
        {secret}
        <Table
            label=Text::Keys
            heads=&[Text::Name, Text::Key, Text::State, Text::Made, Text::Ends, Text::LastUsed]
            rows=table
            act
        >
            <Empty title=t(Text::NoKeys) more=t(Text::NoKeysMore)>""</Empty>
        </Table>
        <Dialog open title=t(Text::CreateKey).to_owned()><Create open done /></Dialog>
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

fn row(key: &AccessKey) -> Row {
    let (mood, state) = match key.state {
        KeyState::Active => (Mood::Good, Text::Active),
        KeyState::Expired => (Mood::Calm, Text::Expired),
        KeyState::Revoked => (Mood::Bad, Text::Revoked),
    };
    let now = OffsetDateTime::now_utc();
    let since = |at: Option<OffsetDateTime>| at.map_or(Cell::Nothing, |at| Cell::since(at, now));
    let ends = key.expires_at.map(|at| at.date().to_string());
    Row {
        id: key.id.clone(),
        cells: vec![
            Cell::Text(key.name.clone()),
            Cell::Code(key.id.clone()),
            Cell::state(mood, t(state)),
            since(Some(key.created_at)),
            Cell::maybe(ends),
            since(key.last_used_at),
        ],
        actions: (key.state == KeyState::Active && !key.internal)
            .then(|| Action::danger("revoke", Text::Revoke))
            .into_iter()
            .collect(),
    }
}

#[component]
fn Create(open: RwSignal<bool>, done: Callback<serde_json::Value>) -> impl IntoView {
    let name = Input::new("name", t(Text::Name)).hint(t(Text::KeyNameHint));
    let scopes = Input::new("scopes", t(Text::Scopes)).hint(t(Text::ScopesHint));
    let ends = Input::new("expires_in", t(Text::EndsAfter)).hint(t(Text::EndsHint));
    let password = Input::new("proof.password", t(Text::Password))
        .kind(Kind::Secret)
        .hint(t(Text::ProofHint));
    let inputs = vec![name.clone(), scopes.clone(), ends.clone(), password.clone()];
    let told = StoredValue::new(inputs.clone());
    let ask = Callback::new(move |()| {
        let given = password.value.get();
        let proof = Proof {
            password: (!given.is_empty()).then(|| given.into()),
            otp: None,
        };
        let new = NewKey {
            name: name.get(),
            proof,
            ..NewKey::default()
        };
        let mut body = serde_json::to_value(new).unwrap_or_default();
        // The host reads these, and says beside the field what is wrong with them.
        if let Some(ends) = ends.given() {
            body["expires_in"] = ends.into();
        }
        if let Some(scopes) = scopes.given() {
            body["scopes"] = scopes
                .split([',', ' '])
                .filter(|it| !it.is_empty())
                .collect();
        }
        Asked {
            method: "POST",
            path: "/self/keys".to_owned(),
            body: Some(body),
            ..Asked::default()
        }
    });
    let command = move || {
        told.with_value(|told| {
            let name = told[0].given().unwrap_or_else(|| "NAME".to_owned());
            let ends = told[2].given().map(|time| format!(" --expires {time}"));
            let scopes = told[1].get();
            let scopes = scopes.split([',', ' ']).filter(|it| !it.is_empty());
            let scopes: String = scopes.map(|scope| format!(" --scope {scope}")).collect();
            format!(
                "muster key create {name}{scopes}{}",
                ends.unwrap_or_default()
            )
        })
    };
    view! { <Form inputs ask command=Signal::derive(command) button=Text::CreateKey done open /> }
}
