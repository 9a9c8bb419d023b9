//! Hosts: who is linked, and how to link more.

mod link;
mod table;
mod token;

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_query_map;
use muster_api::{
    hosts::LinkedHost,
    links::{Link, Standing},
    permissions::Permission,
};

pub use self::table::mood;
use self::{link::LinkThis, table::HostTable, token::TokenDialog};
use crate::{
    api::{
        self, Answer, Failure,
        follow::{Followed, follow, refresh},
    },
    components::{
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        rest::{Empty, Skeleton},
        trouble::Trouble,
    },
    session::Session,
    words::{Text, t, with},
};

/// How this host is linked, and with whom.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    link: Link,
    hosts: Vec<LinkedHost>,
}

async fn see() -> Answer<Seen> {
    let link: Link = api::get("/link").await?;
    // A follower does not list the group: its leader does.
    let hosts = match link.standing {
        Standing::Follower | Standing::Joining | Standing::Leaving => {
            api::list("/hosts").await.unwrap_or_default()
        }
        Standing::Alone | Standing::Leader => api::list("/hosts").await?,
    };
    Ok(Seen { link, hosts })
}

/// The page.
#[component]
pub fn Hosts() -> impl IntoView {
    let (seen, again) = follow(&["host"], see);
    refresh(again, 2);
    let query = use_query_map();
    let wants = move |what: &str| query.with(|query| query.get("do").as_deref() == Some(what));
    let token = RwSignal::new(false);
    let link = RwSignal::new(false);
    Effect::new(move |_| {
        token.set(wants("token"));
        link.set(wants("link"));
    });
    let deed = RwSignal::new(None::<Deed>);
    let reread = move || again.update(|count| *count += 1);
    let session = expect_context::<Session>();
    let may = move || session.may(Permission::LinkWrite);
    view! {
        <div class="head">
            <h1>{t(Text::Hosts)}</h1>
            <CliLine command="muster link list".to_owned() />
            <Show when=may>
                <div class="actions">
                    <button type="button" on:click=move |_| link.set(true)>{t(Text::LinkThis)}</button>
                    <button type="button" class="primary" on:click=move |_| token.set(true)>{t(Text::GenerateToken)}</button>
                </div>
            </Show>
        </div>
        <Group seen deed again token />
        <TokenDialog open=token />
        <LinkThis open=link done=Callback::new(move |()| reread()) />
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

/// What there is to show, apart from the hosts themselves.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Loading,
    Failed(Failure),
    Following(String),
    Group {
        any: bool,
        several: bool,
        leads: bool,
    },
}

fn shape(seen: Option<&Answer<Seen>>) -> Shape {
    match seen {
        None => Shape::Loading,
        Some(Err(failure)) => Shape::Failed(failure.clone()),
        Some(Ok(Seen { link, hosts })) => match &link.leader {
            Some(leader) => Shape::Following(leader.name.clone()),
            None => Shape::Group {
                any: !hosts.is_empty(),
                several: hosts.len() > 1,
                leads: link.standing == Standing::Leader,
            },
        },
    }
}

#[component]
fn Group(
    seen: Followed<Seen>,
    deed: RwSignal<Option<Deed>>,
    again: RwSignal<u64>,
    token: RwSignal<bool>,
) -> impl IntoView {
    let now = Memo::new(move |_| seen.with(|seen| shape(seen.as_ref())));
    let hosts = Signal::derive(move || {
        seen.with(|seen| match seen {
            Some(Ok(seen)) => seen.hosts.clone(),
            _ => Vec::new(),
        })
    });
    move || {
        match now.get() {
        Shape::Loading => view! { <Skeleton lines=6 /> }.into_any(),
        Shape::Failed(failure) => view! { <Trouble failure /> }.into_any(),
        Shape::Following(leader) => view! { <Following leader again /> }.into_any(),
        Shape::Group { any, several, leads } => view! {
            {any.then(|| view! { <HostTable hosts deed /> })}
            {(!several).then(|| view! {
                <Empty title=t(Text::NoHosts) more=t(Text::NoHostsMore)>
                    <button type="button" class="primary" on:click=move |_| token.set(true)>{t(Text::GenerateToken)}</button>
                </Empty>
            })}
            {leads.then(|| view! { <StopTokens deed /> })}
        }
        .into_any(),
    }
    }
}

/// The end of leading.
#[component]
fn StopTokens(deed: RwSignal<Option<Deed>>) -> impl IntoView {
    let session = expect_context::<Session>();
    let ask = move |_| {
        deed.set(Some(Deed {
            title: t(Text::StopTokens).to_owned(),
            more: t(Text::StopTokensMore),
            name: "stop".to_owned(),
            method: "POST",
            path: "/link/actions/stop-leading".to_owned(),
            command: "muster link stop-leading".to_owned(),
            ..Deed::default()
        }));
    };
    view! {
        <Show when=move || session.may(Permission::LinkWrite)>
            <div class="danger-zone">
                <p>{t(Text::StopTokensMore)}</p>
                <button type="button" class="danger" on:click=ask>{t(Text::StopTokens)}</button>
            </div>
        </Show>
    }
}

/// What a follower shows.
#[component]
fn Following(leader: String, again: RwSignal<u64>) -> impl IntoView {
    let leave = move |_| {
        spawn_local(async move {
            let body = muster_api::links::Leave::default();
            if api::act::<Link>("POST", "/link/actions/leave", &body)
                .await
                .is_ok()
            {
                again.update(|count| *count += 1);
            }
        });
    };
    view! {
        <div class="card following">
            <h2>{with(Text::Linked, &[&leader])}</h2>
            <p>{t(Text::FollowsMore)}</p>
            <p class="hint">{t(Text::LeaveMore)}</p>
            <button type="button" class="danger" on:click=leave>{t(Text::Leave)}</button>
            <CliLine command="muster link leave".to_owned() />
        </div>
    }
}
