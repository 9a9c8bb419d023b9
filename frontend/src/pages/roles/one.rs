//! One role of one host: what plays it, how it is, and what it says.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use muster_api::{
    permissions::Permission,
    roles::{Role, RolePlugin, RoleState},
    units::{ByteSize, Millis},
};
use muster_console_model::reading::{age, size};
use time::OffsetDateTime;

use super::{command, mood, plugin::Replace, switch};
use crate::{
    api::{
        self,
        fetch::{Body, escape},
        follow::{follow, refresh},
    },
    components::{
        address::in_address,
        badge::Badge,
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        log::{Logs, of_host},
        rest::shown,
    },
    session::Session,
    words::{Text, t, with},
};

/// The page.
#[component]
pub fn OneRole() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("role").unwrap_or_default()));
    let (host, _) = in_address("host");
    move || view! { <Named name=name.get() host=host.get().unwrap_or_default() /> }
}

#[component]
fn Named(name: String, host: String) -> impl IntoView {
    let path = format!("/roles/{}", escape(&name));
    let asked = StoredValue::new((host.clone(), path.clone()));
    let (role, again) = follow(&["role"], move || {
        let (host, path) = asked.get_value();
        async move { api::carry::<Role>(&host, "GET", &path, Body::None).await }
    });
    refresh(again, 5);
    let deed = RwSignal::new(None::<Deed>);
    let replace = RwSignal::new(false);
    let told = StoredValue::new((name.clone(), host.clone()));
    let state = Memo::new(move |_| {
        role.with(|role| match role {
            Some(Ok(role)) => Some((role.state, role.builtin)),
            _ => None,
        })
    });
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::RoleWrite));
    let verb = move |verb: &'static str, text: Text| {
        let (name, host) = told.get_value();
        Deed {
            title: with(text, &[&name]),
            more: t(Text::RoleActMore),
            name: if verb == "stop" {
                name.clone()
            } else {
                String::new()
            },
            node: host.clone(),
            method: "POST",
            path: format!("/roles/{}/actions/{verb}", escape(&name)),
            command: command(&host, &format!("role {verb} {name}")),
            force: None,
        }
    };
    let act = move |word: &'static str, text: Text| deed.set(Some(verb(word, text)));
    let turn = move |add: bool| {
        let (name, host) = told.get_value();
        deed.set(Some(switch(&name, &host, add)));
    };
    let actions = move || {
        let (state, builtin) = state.get().filter(|_| may.get())?;
        let play = match state {
            _ if builtin => return None,
            RoleState::Absent => view! {
                <button type="button" class="primary" on:click=move |_| turn(true)>{t(Text::Add)}</button>
            }
            .into_any(),
            RoleState::Stopped => view! {
                <button type="button" class="primary" on:click=move |_| act("start", Text::StartRole)>{t(Text::Start)}</button>
                <button type="button" class="danger" on:click=move |_| turn(false)>{t(Text::Remove)}</button>
            }
            .into_any(),
            _ => view! {
                <button type="button" on:click=move |_| act("restart", Text::RestartRole)>{t(Text::Restart)}</button>
                <button type="button" on:click=move |_| act("stop", Text::StopRole)>{t(Text::Stop)}</button>
                <button type="button" class="danger" on:click=move |_| turn(false)>{t(Text::Remove)}</button>
            }
            .into_any(),
        };
        Some(view! {
            {play}
            <button type="button" on:click=move |_| replace.set(true)>{t(Text::ReplacePlugin)}</button>
        })
    };
    let on = (!host.is_empty()).then(|| format!(" · {host}"));
    let logs = session.may(Permission::LogRead).then(|| {
        let hosts = if host.is_empty() {
            String::new()
        } else {
            format!("&host={}", escape(&host))
        };
        let stream = format!(
            "/api/v1/log?follow=true&tail=200&role={}{hosts}",
            escape(&name)
        );
        view! {
            <h2>{t(Text::Logs)}</h2>
            <Logs path=stream of=of_host command=format!("muster log stream --role {name}") />
        }
    });
    view! {
        <div class="head">
            <h1><a href="/roles" class="up">{t(Text::Roles)}</a>" / "{name.clone()}{on}</h1>
            <CliLine command=command(&host, &format!("role show {name}")) />
            <div class="actions">{actions}</div>
        </div>
        {shown(role, 6, about)}
        {logs}
        <Replace open=replace role=name host />
        <Confirm deed done=Callback::new(move |()| again.update(|count| *count += 1)) />
    }
}

/// How it is, and what plays it.
fn about(role: Role) -> impl IntoView {
    let (good, word) = mood(role.state);
    let wrong = role.last_error.map(|error| {
        let ago = role
            .last_error_at
            .map(|at| age(at, OffsetDateTime::now_utc()));
        (
            Text::LastError,
            format!("{error} ({})", ago.unwrap_or_default()),
        )
    });
    let restarts = (role.restarts > 0).then(|| (Text::Restarts, role.restarts.to_string()));
    let facts: Vec<_> = role
        .plugin
        .map(facts)
        .into_iter()
        .flatten()
        .chain(restarts)
        .chain(wrong)
        .collect();
    let fact =
        |(text, value): (Text, String)| view! { <div><dt>{t(text)}</dt><dd>{value}</dd></div> };
    view! {
        <p class="facts"><Badge mood=good text=t(word) /><span>{role.summary}</span></p>
        <dl class="facts-list card">{facts.into_iter().map(fact).collect_view()}</dl>
    }
}

fn facts(plugin: RolePlugin) -> Vec<(Text, String)> {
    let from = if plugin.bundled {
        Text::Bundled
    } else {
        Text::Uploaded
    };
    vec![
        (Text::Plugin, format!("{} {}", plugin.name, plugin.version)),
        (Text::Origin, t(from).to_owned()),
        (Text::World, plugin.world),
        (Text::Grants, plugin.imports.join(", ")),
        (Text::Memory, size(ByteSize(plugin.memory_limit))),
        (Text::LongestCall, Millis(plugin.call_limit_ms).to_string()),
        (Text::Hash, plugin.digest),
    ]
}
