//! Who is in a project, and who has asked to be let in or out.

use leptos::{prelude::*, task::spawn_local};
use muster_api::projects::{Member, MemberChange, MemberRole, MemberState};
use muster_console_model::table::{Action, Cell, Mood, Row};
use serde_json::Value;
use time::OffsetDateTime;

use super::words;
use crate::{
    api::{self, Asked, Failure, fetch::escape, follow::follow},
    components::{
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        rest::Empty,
        table::{Table, rows},
        trouble::MaybeTrouble,
    },
    words::{Text, t, with},
};

const ROLES: [MemberRole; 3] = [MemberRole::Owner, MemberRole::Member, MemberRole::Viewer];

/// The members of a project.
#[component]
pub fn Members(project: String) -> impl IntoView {
    let base = StoredValue::new(format!("/projects/{}/members", escape(&project)));
    let (members, again) = follow(&["project", "user"], move || {
        let path = base.get_value();
        async move { api::list::<Member>(&path).await }
    });
    let table = rows(members, |all| all.iter().map(row).collect());
    let reread = move || again.update(|count| *count += 1);
    let deed = RwSignal::new(None::<Deed>);
    let failure = RwSignal::new(None::<Failure>);
    let open = RwSignal::new(false);
    // Who is to be something else; a new member if nobody.
    let whom = RwSignal::new(None::<Member>);
    let put = move |member: Option<Member>| {
        whom.set(member);
        open.set(true);
    };
    let title = move || {
        let whom = whom.get();
        whom.map_or_else(
            || t(Text::AddMember).to_owned(),
            |member| with(Text::ChangeNamed, &[&member.user]),
        )
    };
    let name = StoredValue::new(project.clone());
    let act = Callback::new(move |(verb, user): (&'static str, String)| {
        let path = format!("{}/{}", base.get_value(), escape(&user));
        failure.set(None);
        match verb {
            "change" => put(members.with_untracked(|all| {
                let all = all.as_ref()?.as_ref().ok()?;
                all.iter().find(|member| member.user == user).cloned()
            })),
            "remove" => deed.set(Some(Deed {
                title: with(Text::RemoveNamed, &[&user]),
                more: t(Text::RemoveMemberMore),
                method: "DELETE",
                path,
                command: format!("muster project remove-member {} {user}", name.get_value()),
                name: user,
                ..Deed::default()
            })),
            _ => spawn_local(async move {
                let path = format!("{path}/actions/{verb}");
                if let Err(why) = api::order::<Value>("POST", &path).await {
                    let _ = failure.try_set(Some(why));
                }
                reread();
            }),
        }
    });
    view! {
        <div class="actions part-actions">
            <h2><a href="/identity/projects" class="up">{t(Text::Projects)}</a>" / "{project.clone()}</h2>
            <button type="button" class="primary" on:click=move |_| put(None)>{t(Text::AddMember)}</button>
        </div>
        <CliLine command=format!("muster project members {project}") />
        <MaybeTrouble failure />
        <Table
            label=Text::Members
            heads=&[Text::User, Text::Is, Text::State, Text::Since]
            rows=table
            act
        >
            <Empty title=t(Text::Members) more=t(Text::NoMembers)>""</Empty>
        </Table>
        <Dialog open title=Signal::derive(title)>
            <Put project=name.get_value() member=whom.get_untracked() open done=Callback::new(move |_| reread()) />
        </Dialog>
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

fn row(member: &Member) -> Row {
    let (mood, state) = match member.state {
        MemberState::Member => (Mood::Good, Text::IsIn),
        MemberState::Joining => (Mood::Busy, Text::AsksIn),
        MemberState::Leaving => (Mood::Busy, Text::AsksOut),
    };
    let asked = [
        Action::new("accept", Text::Accept),
        Action::danger("refuse", Text::Refuse),
    ];
    let asked = asked
        .into_iter()
        .filter(|_| member.state != MemberState::Member);
    let is_in = [
        Action::new("change", Text::Change),
        Action::danger("remove", Text::Remove),
    ];
    let is_in = is_in.into_iter().filter(|_| member.state.is_in());
    Row {
        id: member.user.clone(),
        cells: vec![
            Cell::Text(member.user.clone()),
            Cell::Text(member.role.word().to_owned()),
            Cell::state(mood, t(state)),
            Cell::since(member.created_at, OffsetDateTime::now_utc()),
        ],
        actions: asked.chain(is_in).collect(),
    }
}

/// Puts somebody into the project, or changes as what they are in it.
#[component]
fn Put(
    project: String,
    member: Option<Member>,
    open: RwSignal<bool>,
    done: Callback<Value>,
) -> impl IntoView {
    let (name, is) = member.map_or((String::new(), MemberRole::Member), |member| {
        (member.user, member.role)
    });
    let user = Input::new("user", t(Text::User)).filled(name);
    let role = Input::new("role", t(Text::Is))
        .kind(Kind::Choice(words(&ROLES.map(MemberRole::word))))
        .hint(t(Text::MemberRoleHint))
        .filled(is.word());
    let inputs = vec![user.clone(), role.clone()];
    let (named, chosen) = (user.clone(), role.clone());
    let base = format!("/projects/{}/members", escape(&project));
    let ask = Callback::new(move |()| {
        let role = ROLES.into_iter().find(|it| it.word() == role.get());
        let role = role.unwrap_or(MemberRole::Viewer);
        Asked {
            method: "PUT",
            path: format!("{base}/{}", escape(&user.get())),
            body: serde_json::to_value(MemberChange { role }).ok(),
            ..Asked::default()
        }
    });
    let command = move || {
        let user = named.given().unwrap_or_else(|| "USER".to_owned());
        format!(
            "muster project add-member {project} {user} --role {}",
            chosen.get()
        )
    };
    view! { <Form inputs ask command=Signal::derive(command) button=Text::Save plans=true done open /> }
}
