//! Projects: to whom apps belong. One of them, with who is in it, as the address says.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    permissions::Permission,
    projects::{JoinPolicy, MemberState, NewProject, Project, ProjectState},
};
use muster_console_model::table::{Action, Cell, Mood, Row};
use serde_json::Value;
use time::OffsetDateTime;

use super::{members::Members, words};
use crate::{
    api::{self, Asked, Failure, fetch::escape, follow::follow},
    components::{
        address::in_address,
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        rest::Empty,
        table::{Table, rows},
        trouble::MaybeTrouble,
    },
    session::Session,
    words::{Text, t, with},
};

/// The projects, or one of them.
#[component]
pub fn Projects() -> impl IntoView {
    let (project, _) = in_address("project");
    move || match project.get() {
        Some(project) => view! { <Members project /> }.into_any(),
        None => view! { <All /> }.into_any(),
    }
}

#[component]
fn All() -> impl IntoView {
    let (projects, again) = follow(&["project"], || api::list::<Project>("/projects"));
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::ProjectWrite));
    let table = rows(projects, move |all| {
        all.iter().map(|one| row(one, may.get())).collect()
    });
    let deed = RwSignal::new(None::<Deed>);
    let failure = RwSignal::new(None::<Failure>);
    let reread = move || again.update(|count| *count += 1);
    let act = Callback::new(move |(verb, name): (&'static str, String)| {
        let path = format!("/projects/{}", escape(&name));
        failure.set(None);
        let (title, more, method, path) = match verb {
            "resume" | "join" => {
                spawn_local(async move {
                    let path = format!("{path}/actions/{verb}");
                    if let Err(why) = api::order::<Value>("POST", &path).await {
                        let _ = failure.try_set(Some(why));
                    }
                    reread();
                });
                return;
            }
            "suspend" => (
                Text::SuspendNamed,
                Text::SuspendProjectMore,
                "POST",
                format!("{path}/actions/suspend"),
            ),
            "leave" => (
                Text::LeaveNamed,
                Text::LeaveProjectMore,
                "POST",
                format!("{path}/actions/leave"),
            ),
            _ => (Text::DeleteNamed, Text::DeleteMore, "DELETE", path),
        };
        deed.set(Some(Deed {
            title: with(title, &[&name]),
            more: t(more),
            method,
            path,
            command: format!("muster project {verb} {name}"),
            name,
            ..Deed::default()
        }));
    });
    let open = RwSignal::new(false);
    view! {
        <Show when=move || session.may(Permission::ProjectCreate)>
            <div class="actions part-actions">
                <button type="button" class="primary" on:click=move |_| open.set(true)>{t(Text::CreateProject)}</button>
            </div>
        </Show>
        <MaybeTrouble failure />
        <Table
            label=Text::Projects
            heads=&[Text::Name, Text::Description, Text::State, Text::Join, Text::YouAre, Text::Made]
            rows=table
            act
        >
            <Empty title=t(Text::Projects) more=t(Text::NoProjects)>""</Empty>
        </Table>
        <Dialog open title=t(Text::CreateProject).to_owned()>
            <Create open done=Callback::new(move |_| reread()) />
        </Dialog>
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

fn policy(policy: JoinPolicy) -> &'static str {
    match policy {
        JoinPolicy::Open => "open",
        JoinPolicy::Moderated => "moderated",
        JoinPolicy::Closed => "closed",
    }
}

fn row(project: &Project, may: bool) -> Row {
    let (mood, state) = match project.state {
        ProjectState::Active => (Mood::Good, Text::Active),
        ProjectState::Suspended => (Mood::Bad, Text::Suspended),
        ProjectState::Terminated => (Mood::Calm, Text::Terminated),
    };
    let turn = match project.state {
        ProjectState::Active => Some(Action::danger("suspend", Text::Suspend)),
        ProjectState::Suspended => Some(Action::new("resume", Text::Resume)),
        ProjectState::Terminated => None,
    };
    let turn = turn
        .into_iter()
        .chain([Action::danger("delete", Text::Delete)]);
    let role = match project.membership {
        Some(MemberState::Joining) => Some(t(Text::AsksIn).to_owned()),
        Some(MemberState::Leaving) => Some(t(Text::AsksOut).to_owned()),
        _ => project.role.map(|role| role.word().to_owned()),
    };
    let is_open =
        project.state == ProjectState::Active && project.join_policy != JoinPolicy::Closed;
    let own = match project.membership {
        None if is_open => Some(Action::new("join", Text::JoinIt)),
        Some(MemberState::Member) => Some(Action::danger("leave", Text::LeaveIt)),
        _ => None,
    };
    let path = format!("/identity/projects?project={}", escape(&project.name));
    Row {
        id: project.name.clone(),
        cells: vec![
            Cell::Link(path, project.name.clone()),
            Cell::Text(project.description.clone()),
            Cell::state(mood, t(state)),
            Cell::Text(policy(project.join_policy).to_owned()),
            Cell::maybe(role),
            Cell::since(project.created_at, OffsetDateTime::now_utc()),
        ],
        actions: turn
            .filter(|_| may)
            .chain(own)
            .filter(|_| !project.personal)
            .collect(),
    }
}

#[component]
fn Create(open: RwSignal<bool>, done: Callback<Value>) -> impl IntoView {
    let name = Input::new("name", t(Text::Name)).hint(t(Text::AppNameHint));
    let about = Input::new("description", t(Text::Description));
    let policies = [JoinPolicy::Open, JoinPolicy::Moderated, JoinPolicy::Closed];
    let join = Input::new("join_policy", t(Text::Join))
        .kind(Kind::Choice(words(&policies.map(policy))))
        .filled("closed");
    let inputs = vec![name.clone(), about.clone(), join.clone()];
    let (typed, chosen) = (name.clone(), join.clone());
    let ask = Callback::new(move |()| {
        let new = NewProject {
            name: name.get(),
            description: about.get(),
            join_policy: policies.into_iter().find(|it| policy(*it) == join.get()),
            ..NewProject::default()
        };
        Asked {
            method: "POST",
            path: "/projects".to_owned(),
            body: serde_json::to_value(new).ok(),
            ..Asked::default()
        }
    });
    let command = move || {
        let name = typed.given().unwrap_or_else(|| "NAME".to_owned());
        format!("muster project create {name} --join {}", chosen.get())
    };
    view! { <Form inputs ask command=Signal::derive(command) button=Text::CreateProject done open /> }
}
