//! Apps: the list, and each by itself.

mod detail;
mod droplets;
mod environment;
mod instances;
mod metrics;
mod push;
mod routes;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use muster_api::{
    apps::{self, DesiredState},
    permissions::Permission,
};
use muster_console_model::table::{Cell, Row};
use time::OffsetDateTime;

pub use self::detail::App;
use self::push::PushDialog;
use crate::{
    api::{
        self,
        fetch::escape,
        follow::{follow, refresh},
    },
    components::{
        badge::{Badge, Mood},
        cli_line::CliLine,
        rest::Empty,
        table::{Table, rows},
    },
    session::Session,
    words::{Text, t, with},
};

/// The list.
#[component]
pub fn Apps() -> impl IntoView {
    let (apps, again) = follow(&["app", "route"], || api::list::<apps::App>("/apps"));
    refresh(again, 3);
    let table = rows(apps, |apps| apps.iter().map(row).collect());
    let query = use_query_map();
    let push = RwSignal::new(false);
    Effect::new(move |_| push.set(query.with(|query| query.get("do").as_deref() == Some("push"))));
    let session = expect_context::<Session>();
    let may = move || session.may(Permission::AppWrite) && session.may(Permission::BlockWrite);
    view! {
        <div class="head">
            <h1>{t(Text::Apps)}</h1>
            <CliLine command="muster app list".to_owned() />
            <Show when=may>
                <div class="actions">
                    <button type="button" class="primary" on:click=move |_| push.set(true)>{t(Text::Push)}</button>
                </div>
            </Show>
        </div>
        <Table
            label=Text::Apps
            heads=&[Text::Name, Text::State, Text::Project, Text::Release, Text::Urls, Text::Updated]
            rows=table
        >
            <Empty title=t(Text::NoApps) more=t(Text::NoAppsMore)>
                <button type="button" class="primary" on:click=move |_| push.set(true)>{t(Text::PushFirst)}</button>
                <CliLine command="muster app push NAME --path FOLDER".to_owned() />
            </Empty>
        </Table>
        <PushDialog open=push />
    }
}

fn row(app: &apps::App) -> Row {
    let (mood, state) = standing(app);
    let cells = vec![
        Cell::Link(format!("/apps/{}", escape(&app.name)), app.name.clone()),
        Cell::state(mood, state),
        Cell::Text(app.project.clone()),
        app.release.map_or(Cell::Nothing, Cell::count),
        app.urls
            .first()
            .cloned()
            .map_or(Cell::Nothing, Cell::Outward),
        Cell::since(app.updated_at, OffsetDateTime::now_utc()),
    ];
    Row::new(app.name.clone(), cells)
}

/// How an app is.
#[component]
fn AppState(app: apps::App) -> impl IntoView {
    let (mood, text) = standing(&app);
    view! { <Badge mood text /> }
}

fn standing(app: &apps::App) -> (Mood, String) {
    let counts = [app.running.to_string(), app.instances.to_string()];
    let counts = with(Text::Degraded, &[&counts[0], &counts[1]]);
    match app.state {
        DesiredState::Stopped => (Mood::Calm, t(Text::Stopped).to_owned()),
        DesiredState::Started if app.last_failure.is_some() => (Mood::Bad, counts),
        DesiredState::Started if app.running < app.instances => (Mood::Busy, counts),
        DesiredState::Started => (Mood::Good, counts),
    }
}
