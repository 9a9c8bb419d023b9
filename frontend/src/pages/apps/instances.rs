//! An app's instances.

use leptos::prelude::*;
use muster_api::apps::{AppDetail, Instance, InstanceState};
use muster_console_model::table::{Cell, Mood, Row};
use time::OffsetDateTime;

use crate::{
    api::follow::Followed,
    components::{
        rest::Empty,
        table::{Table, rows},
    },
    words::{Text, t},
};

/// Each instance, with its host and why it is there.
#[component]
pub fn Instances(detail: Followed<AppDetail>) -> impl IntoView {
    view! {
        <Table
            label=Text::Instances
            heads=&[Text::Instances, Text::State, Text::Release, Text::Host, Text::Since, Text::Why]
            rows=rows(detail, |detail| detail.placements.iter().map(row).collect())
        >
            <Empty title=t(Text::Instances) more=t(Text::NoInstances)>""</Empty>
        </Table>
    }
}

fn row(instance: &Instance) -> Row {
    let (mood, text) = match instance.state {
        InstanceState::Starting => (Mood::Busy, Text::Starting),
        InstanceState::Running => (Mood::Good, Text::IsRunning),
        InstanceState::Stopping => (Mood::Calm, Text::Stopping),
        InstanceState::Crashed => (Mood::Bad, Text::Crashed),
    };
    let why = instance.reason.clone().or_else(|| instance.why.clone());
    let cells = vec![
        Cell::count(instance.index.into()),
        Cell::state(mood, t(text)),
        Cell::count(instance.release.into()),
        Cell::Text(instance.host.clone()),
        Cell::since(instance.since, OffsetDateTime::now_utc()),
        Cell::maybe(why),
    ];
    // A release that goes may have an instance of the same number still.
    let id = format!("{}-{}-{}", instance.release, instance.index, instance.host);
    Row::new(id, cells)
}
