//! The table of linked hosts.

use leptos::prelude::*;
use muster_api::{
    hosts::{HostStanding, HostState, LinkedHost},
    permissions::Permission,
};
use muster_console_model::table::{Action, Cell, Mood, Row};
use time::OffsetDateTime;

use crate::{
    components::{
        confirm::Deed,
        table::{Rows, Table},
    },
    session::Session,
    words::{Text, t, with},
};

/// The hosts, with a way to take each out.
#[component]
pub fn HostTable(
    #[prop(into)] hosts: Signal<Vec<LinkedHost>>,
    deed: RwSignal<Option<Deed>>,
) -> impl IntoView {
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::LinkWrite));
    let row = move |host: &LinkedHost| Row {
        actions: (may.get() && host.standing != HostStanding::Leader)
            .then(|| Action::danger("unlink", Text::Unlink))
            .into_iter()
            .collect(),
        ..row(host)
    };
    let rows: Rows =
        Signal::derive(move || Some(Ok(hosts.with(|hosts| hosts.iter().map(row).collect()))));
    let unlink = Callback::new(move |(_, name): (&str, String)| {
        deed.set(Some(Deed {
            title: with(Text::UnlinkHost, &[&name]),
            more: t(Text::UnlinkMore),
            method: "DELETE",
            path: format!("/hosts/{name}"),
            command: format!("muster link remove {name}"),
            force: Some(t(Text::Force)),
            name,
            ..Deed::default()
        }));
    });
    view! {
        <Table
            label=Text::Hosts
            heads=&[Text::Name, Text::State, Text::Roles, Text::Workloads, Text::Synced, Text::Address, Text::Version, Text::Seen]
            rows
            act=unlink
        >
            ""
        </Table>
    }
}

/// How good a host's state is, and the word for it.
pub fn mood(state: HostState) -> (Mood, Text) {
    match state {
        HostState::Joining => (Mood::Busy, Text::Joining),
        HostState::Ready => (Mood::Calm, Text::Ready),
        HostState::InUse => (Mood::Good, Text::InUse),
        HostState::Unreachable => (Mood::Bad, Text::Unreachable),
    }
}

fn row(host: &LinkedHost) -> Row {
    let (good, state) = mood(host.state);
    let mut states = vec![(good, t(state).to_owned())];
    if host.draining {
        states.push((Mood::Busy, t(Text::Draining).to_owned()));
    }
    let standing = match host.standing {
        HostStanding::Leader => Text::Leader,
        HostStanding::ControlPlane => Text::ControlPlane,
        HostStanding::Follower => Text::Follower,
    };
    let synced = if host.about.content.is_synced() {
        t(Text::SyncedYes).to_owned()
    } else {
        with(Text::SyncedNo, &[&host.about.content.missing.to_string()])
    };
    let address = host.about.addresses.first().cloned();
    let cells = vec![
        Cell::Noted(host.name.clone(), t(standing).to_owned()),
        Cell::States(states),
        Cell::Tags(host.about.roles.clone()),
        Cell::count(host.about.workloads.into()),
        Cell::Text(synced),
        address.map_or(Cell::Nothing, Cell::Code),
        Cell::Code(host.about.version.clone()),
        Cell::since(host.last_seen_at, OffsetDateTime::now_utc()),
    ];
    Row::new(host.name.clone(), cells)
}
