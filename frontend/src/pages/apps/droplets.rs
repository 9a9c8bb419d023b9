//! What staging has made of an app, and the way back to it.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{apps::Rollback, droplets::Droplet, jobs::Job, permissions::Permission};
use muster_console_model::table::{Action, Cell, Mood, Row};
use time::OffsetDateTime;

use crate::{
    api::{self, Failure, fetch::escape, follow::follow},
    components::{
        cli_line::CliLine,
        rest::Empty,
        table::{Table, rows},
        trouble::MaybeTrouble,
    },
    session::Session,
    words::{Text, t},
};

/// The droplets, newest first.
#[component]
pub fn Droplets(app: String) -> impl IntoView {
    let path = StoredValue::new(format!("/apps/{}", escape(&app)));
    let (droplets, _) = follow(&["app"], move || {
        let path = format!("{}/droplets", path.get_value());
        async move { api::list::<Droplet>(&path).await }
    });
    let session = expect_context::<Session>();
    let failure = RwSignal::new(None::<Failure>);
    let back = Callback::new(move |(_, droplet): (&str, String)| {
        failure.set(None);
        let droplet = droplet.parse().ok();
        spawn_local(async move {
            let path = format!("{}/rollback", path.get_value());
            let wanted = Rollback { droplet };
            if let Err(why) = api::act::<Job>("POST", &path, &wanted).await {
                let _ = failure.try_set(Some(why));
            }
        });
    });
    let may = Memo::new(move |_| session.may(Permission::AppWrite));
    let row = move |droplet: &Droplet| Row {
        actions: (may.get() && !droplet.current)
            .then(|| Action::new("back", Text::Rollback))
            .into_iter()
            .collect(),
        ..row(droplet)
    };
    let table = rows(droplets, move |droplets| droplets.iter().map(row).collect());
    view! {
        <Table
            label=Text::Droplets
            heads=&[Text::Droplet, Text::State, Text::Detected, Text::Size, Text::Made]
            rows=table
            act=back
        >
            <Empty title=t(Text::Droplets) more=t(Text::NoDroplets)>""</Empty>
        </Table>
        <MaybeTrouble failure />
        <CliLine command=format!("muster app rollback {app}") />
    }
}

fn row(droplet: &Droplet) -> Row {
    let serves = droplet
        .current
        .then(|| (Mood::Good, t(Text::Serves).to_owned()));
    let cells = vec![
        Cell::Code(droplet.id.to_string()),
        Cell::States(serves.into_iter().collect()),
        Cell::Text(droplet.detected.clone()),
        Cell::bytes(droplet.size),
        Cell::since(droplet.created_at, OffsetDateTime::now_utc()),
    ];
    Row::new(droplet.id.to_string(), cells)
}
