//! Projects: to whom apps belong.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    permissions::Permission,
    plan::Plan,
    projects::{JoinPolicy, NewProject, Project, ProjectState},
};
use muster_console_model::table::{Action, Cell, Mood, Row};
use time::OffsetDateTime;

use super::words;
use crate::{
    api::{self, Asked, Failure, fetch::escape, follow::follow},
    components::{
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

/// The projects.
#[component]
pub fn Projects() -> impl IntoView {
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
            "resume" => {
                spawn_local(async move {
                    let path = format!("{path}/actions/resume");
                    if let Err(why) = api::order::<Plan>("POST", &path).await {
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
            heads=&[Text::Name, Text::State, Text::Join, Text::YouAre, Text::Made]
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
    let role = project.role.map(|role| role.word().to_owned());
    Row {
        id: project.name.clone(),
        cells: vec![
            Cell::Noted(project.name.clone(), project.description.clone()),
            Cell::state(mood, t(state)),
            Cell::Text(policy(project.join_policy).to_owned()),
            Cell::maybe(role),
            Cell::since(project.created_at, OffsetDateTime::now_utc()),
        ],
        actions: turn.filter(|_| may && !project.personal).collect(),
    }
}

#[component]
fn Create(open: RwSignal<bool>, done: Callback<serde_json::Value>) -> impl IntoView {
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
