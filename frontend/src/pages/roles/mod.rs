//! Roles: which host does which job, and each role by itself.

mod one;
mod plugin;

use futures::future::join_all;
use leptos::prelude::*;
use muster_api::{
    hosts::{HostState, LinkedHost},
    permissions::Permission,
    roles::{Role, RoleState},
    status::Info,
};

pub use self::one::OneRole;
use crate::{
    api::{
        self, Answer,
        fetch::{Body, escape},
        follow::{follow, refresh},
    },
    components::{
        badge::Mood,
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        rest::shown,
    },
    session::Session,
    words::{Text, t, with},
};

/// A host and its roles; none if it does not answer.
type Column = (String, Option<Vec<Role>>);

/// How good a role's state is, and the word for it.
fn mood(state: RoleState) -> (Mood, Text) {
    match state {
        RoleState::Absent => (Mood::Calm, Text::Absent),
        RoleState::Stopped => (Mood::Calm, Text::Stopped),
        RoleState::Starting => (Mood::Busy, Text::Starting),
        RoleState::Running => (Mood::Good, Text::IsRunning),
        RoleState::Degraded => (Mood::Busy, Text::Handicapped),
        RoleState::Failing => (Mood::Bad, Text::Failing),
    }
}

/// A command for a host of the group: this one if `host` is.
fn command(host: &str, words: &str) -> String {
    if host.is_empty() {
        format!("muster {words}")
    } else {
        format!("muster --node {host} {words}")
    }
}

/// Asks before a role is added or taken away.
fn switch(role: &str, host: &str, add: bool) -> Deed {
    let both = [role, host];
    Deed {
        title: with(if add { Text::AddRole } else { Text::RemoveRole }, &both),
        more: t(if add {
            Text::AddRoleMore
        } else {
            Text::RemoveRoleMore
        }),
        name: if add { String::new() } else { role.to_owned() },
        node: host.to_owned(),
        method: if add { "PUT" } else { "DELETE" },
        path: format!("/roles/{}", escape(role)),
        command: command(
            host,
            &format!("role {} {role}", if add { "add" } else { "remove" }),
        ),
        force: None,
    }
}

async fn see() -> Answer<Vec<Column>> {
    let info: Info = api::get("/info").await?;
    // A follower lists itself alone: its leader has the group.
    let hosts: Vec<LinkedHost> = api::list("/hosts").await.unwrap_or_default();
    let there = hosts
        .iter()
        .map(|host| (host.name.clone(), host.state != HostState::Unreachable));
    let mut names: Vec<(String, bool)> = there.collect();
    if names.is_empty() {
        names.push((info.name, true));
    }
    let columns = names.into_iter().map(|(name, there)| async move {
        if !there {
            return (name, None);
        }
        let page = api::carry::<muster_api::page::Page<Role>>(
            &name,
            "GET",
            "/roles?limit=500",
            Body::None,
        );
        let roles = page.await.ok().map(|page| page.items);
        (name, roles)
    });
    Ok(join_all(columns).await)
}

/// The matrix.
#[component]
pub fn Roles() -> impl IntoView {
    let (columns, again) = follow(&["role", "host", "link"], see);
    refresh(again, 5);
    let deed = RwSignal::new(None::<Deed>);
    view! {
        <div class="head">
            <h1>{t(Text::Roles)}</h1>
            <CliLine command="muster role list".to_owned() />
        </div>
        <p class="hint">{t(Text::RolesMore)}</p>
        {shown(columns, 8, move |columns| matrix(columns, deed))}
        <Confirm deed done=Callback::new(move |()| again.update(|count| *count += 1)) />
    }
}

fn matrix(columns: Vec<Column>, deed: RwSignal<Option<Deed>>) -> impl IntoView {
    let mut roles: Vec<Role> = Vec::new();
    for role in columns.iter().flat_map(|(_, roles)| roles.iter().flatten()) {
        if !roles.iter().any(|known| known.name == role.name) {
            roles.push(role.clone());
        }
    }
    let may = expect_context::<Session>().may(Permission::RoleWrite);
    let heads = columns.iter().map(|(host, roles)| {
        let away = roles
            .is_none()
            .then(|| view! { <small>{t(Text::Unreachable)}</small> });
        view! { <th scope="col">{host.clone()}{away}</th> }
    });
    let heads = heads.collect_view();
    let rows = roles.into_iter().map(|role| {
        let cells = columns.iter().map(|(host, roles)| {
            let mine = roles.iter().flatten().find(|mine| mine.name == role.name);
            view! { <td>{mine.map(|mine| one_switch(mine, host, may, deed))}</td> }
        });
        let cells = cells.collect_view();
        let path = format!("/roles/{}", escape(&role.name));
        view! {
            <tr data-row=role.name.clone()>
                <th scope="row"><a href=path>{role.name.clone()}</a><small>{role.summary}</small></th>
                {cells}
            </tr>
        }
    });
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=t(Text::Roles)>
            <table class="matrix">
                <thead><tr><td></td>{heads}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

fn one_switch(role: &Role, host: &str, may: bool, deed: RwSignal<Option<Deed>>) -> impl IntoView {
    let on = role.state != RoleState::Absent;
    let (good, word) = mood(role.state);
    let path = format!("/roles/{}?host={}", escape(&role.name), escape(host));
    let label = with(Text::RoleOn, &[&role.name, host]);
    let (name, host) = (role.name.clone(), host.to_owned());
    let ask = move |_| deed.set(Some(switch(&name, &host, !on)));
    view! {
        <span class="played">
            <button
                type="button"
                class="switch"
                role="switch"
                aria-checked=on.to_string()
                aria-label=label
                disabled=role.builtin || !may
                on:click=ask
            ></button>
            {on.then(|| view! { <a href=path><crate::components::badge::Badge mood=good text=t(word) /></a> })}
        </span>
    }
}
