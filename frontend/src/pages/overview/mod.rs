//! Overview: the group as a drawing, and what needs attention.

mod drawing;

use futures::future::join_all;
use leptos::prelude::*;
use muster_api::{
    apps::{App, AppDetail, DesiredState},
    hosts::{HostState, LinkedHost},
    status::Status,
    units::ByteSize,
};
use muster_console_model::reading::{cores, size};

use self::drawing::Drawn;
use crate::{
    api::{
        self, Answer,
        fetch::escape,
        follow::{follow, refresh},
    },
    components::{
        cli_line::CliLine,
        icon::{Icon, Shape},
        rest::{Empty, shown},
    },
    words::{Text, t, with},
};

/// Of how many apps the instances are drawn at most.
const MOST_APPS: usize = 60;

/// All that the page shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    status: Status,
    hosts: Vec<LinkedHost>,
    apps: Vec<App>,
    details: Vec<AppDetail>,
}

async fn see() -> Answer<Seen> {
    let status = api::get("/status").await?;
    // A follower lists neither hosts nor apps: its leader does.
    let hosts = api::list("/hosts").await.unwrap_or_default();
    let apps: Vec<App> = api::list("/apps").await.unwrap_or_default();
    let started = apps.iter().filter(|app| app.state == DesiredState::Started);
    let details = started.take(MOST_APPS).map(|app| {
        let path = format!("/apps/{}", escape(&app.name));
        async move { api::get::<AppDetail>(&path).await }
    });
    let details = join_all(details).await;
    Ok(Seen {
        status,
        hosts,
        details: details.into_iter().flatten().collect(),
        apps,
    })
}

/// The first page.
#[component]
pub fn Overview() -> impl IntoView {
    let (seen, again) = follow(&["app", "host", "route", "cluster"], see);
    refresh(again, 3);
    view! {
        <div class="head">
            <h1>{t(Text::Overview)}</h1>
            <CliLine command="muster status".to_owned() />
        </div>
        {shown(seen, 8, |seen| view! { <Everything seen /> })}
    }
}

#[component]
fn Everything(seen: Seen) -> impl IntoView {
    let there = |host: &&LinkedHost| host.state != HostState::Unreachable;
    let (there, hosts) = (
        seen.hosts.iter().filter(there).count(),
        seen.hosts.len().max(1),
    );
    let there = if seen.hosts.is_empty() { 1 } else { there };
    let started = seen
        .apps
        .iter()
        .filter(|app| app.state == DesiredState::Started);
    let started = started.count();
    let memory: u64 = seen
        .hosts
        .iter()
        .map(|host| host.about.capacity.memory.0)
        .sum();
    let cpu: u64 = seen.hosts.iter().map(|host| host.about.capacity.cpu).sum();
    let of = |part: usize, whole: usize| with(Text::Of, &[&part.to_string(), &whole.to_string()]);
    let running = with(
        Text::Of,
        &[
            &seen.status.running.to_string(),
            &seen.status.desired.to_string(),
        ],
    );
    let is_short = seen.status.running < seen.status.desired;
    let empty = seen.apps.is_empty().then(|| {
        view! {
            <Empty title=t(Text::NoApps) more=t(Text::NoAppsMore)>
                <a class="button primary" href="/apps?do=push">{t(Text::PushFirst)}</a>
            </Empty>
        }
    });
    view! {
        <dl class="figures">
            <Figure value=of(there, hosts) text=Text::HostsThere bad={there < hosts} />
            <Figure value=running text=Text::InstancesServe bad=is_short />
            <Figure value=of(started, seen.apps.len()) text=Text::AppsStarted bad=false />
            {(memory > 0).then(|| view! {
                <Figure value=format!("{} · {} CPU", size(ByteSize(memory)), cores(cpu)) text=Text::MemoryOfGroup bad=false />
            })}
        </dl>
        <div class="split">
            <section class="card drawing" aria-label=t(Text::Drawing)>
                <Drawn status=seen.status.clone() hosts=seen.hosts details=seen.details />
            </section>
            <section class="card" aria-labelledby="attention">
                <h2 id="attention">{t(Text::Attention)}</h2>
                <Attention lines=seen.status.attention apps=seen.apps />
            </section>
        </div>
        {empty}
    }
}

#[component]
fn Figure(value: String, text: Text, bad: bool) -> impl IntoView {
    view! {
        <div class:bad=bad>
            <dt>{t(text)}</dt>
            <dd>{value}</dd>
        </div>
    }
}

#[component]
fn Attention(lines: Vec<String>, apps: Vec<App>) -> impl IntoView {
    let failed = apps.into_iter().filter_map(|app| {
        let why = app.last_failure?;
        let path = format!("/apps/{}", escape(&app.name));
        Some(view! {
            <li><Icon shape=Shape::Alert /><span><a href=path>{app.name}</a>": "{why}</span></li>
        })
    });
    let failed: Vec<_> = failed.collect();
    if lines.is_empty() && failed.is_empty() {
        return view! { <p class="well"><Icon shape=Shape::Check />{t(Text::AllWell)}</p> }
            .into_any();
    }
    let line = |line: String| view! { <li><Icon shape=Shape::Alert /><span>{line}</span></li> };
    view! {
        <ul class="attention">
            {lines.into_iter().map(line).collect_view()}
            {failed}
        </ul>
    }
    .into_any()
}
