//! Users: made, let in, shut out, deleted.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    permissions::Permission,
    users::{CreatedUser, NewUser, User, UserState, UserType},
};
use muster_console_model::{
    answer,
    table::{Action, Cell, Mood, Row},
};
use time::OffsetDateTime;

use super::words;
use crate::{
    api::{self, Asked, Failure, fetch::escape, follow::follow},
    components::{
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        once::Once,
        rest::Empty,
        table::{Table, rows},
        trouble::MaybeTrouble,
    },
    session::Session,
    words::{Text, t, with},
};

/// The users.
#[component]
pub fn Users() -> impl IntoView {
    let (users, again) = follow(&["user", "session"], || api::list::<User>("/users"));
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::UserWrite));
    let table = rows(users, move |users| {
        users.iter().map(|user| row(user, may.get())).collect()
    });
    let deed = RwSignal::new(None::<Deed>);
    let failure = RwSignal::new(None::<Failure>);
    let reread = move || again.update(|count| *count += 1);
    let act = Callback::new(move |(verb, name): (&'static str, String)| {
        let path = format!("/users/{}", escape(&name));
        failure.set(None);
        let (title, more, method, path) = match verb {
            "activate" => {
                spawn_local(async move {
                    let path = format!("{path}/actions/activate");
                    if let Err(why) = api::order::<User>("POST", &path).await {
                        let _ = failure.try_set(Some(why));
                    }
                    reread();
                });
                return;
            }
            "suspend" => (
                Text::SuspendNamed,
                Text::SuspendMore,
                "POST",
                format!("{path}/actions/suspend"),
            ),
            _ => (Text::DeleteNamed, Text::DeleteUserMore, "DELETE", path),
        };
        deed.set(Some(Deed {
            title: with(title, &[&name]),
            more: t(more),
            method,
            path,
            command: format!("muster user {verb} {name}"),
            name,
            ..Deed::default()
        }));
    });
    let open = RwSignal::new(false);
    let made = RwSignal::new(None::<CreatedUser>);
    let done = Callback::new(move |told| {
        made.set(answer::read(told).ok());
        reread();
    });
    let link = move || made.with(|made| made.as_ref()?.activation.as_ref()?.link.clone());
    view! {
        <Show when=move || may.get()>
            <div class="actions part-actions">
                <button type="button" class="primary" on:click=move |_| open.set(true)>{t(Text::CreateUser)}</button>
            </div>
        </Show>
        {move || link().map(|link| view! { <Once value=link more=Text::ActivationMore /> })}
        <MaybeTrouble failure />
        <Table
            label=Text::Users
            heads=&[Text::Name, Text::State, Text::Type, Text::Mail, Text::LastLogin]
            rows=table
            act
        >
            <Empty title=t(Text::Users) more=t(Text::NothingFits)>""</Empty>
        </Table>
        <Dialog open title=t(Text::CreateUser).to_owned()><Create open done /></Dialog>
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

fn row(user: &User, may: bool) -> Row {
    let (mood, state) = match user.state {
        UserState::Active => (Mood::Good, Text::Active),
        UserState::Pending => (Mood::Busy, Text::Pending),
        UserState::Unverified => (Mood::Calm, Text::Unverified),
        UserState::Suspended => (Mood::Bad, Text::Suspended),
        UserState::Deleted => (Mood::Calm, Text::Gone),
    };
    let turn = match user.state {
        UserState::Active => Action::danger("suspend", Text::Suspend),
        _ => Action::new("activate", Text::Activate),
    };
    let last = user.last_login_at;
    Row {
        id: user.name.clone(),
        cells: vec![
            Cell::Noted(user.name.clone(), user.display_name.clone()),
            Cell::state(mood, t(state)),
            Cell::Text(user.kind.word().to_owned()),
            Cell::maybe(user.email.clone()),
            last.map_or(Cell::Nothing, |at| {
                Cell::since(at, OffsetDateTime::now_utc())
            }),
        ],
        actions: if may {
            vec![turn, Action::danger("delete", Text::Delete)]
        } else {
            Vec::new()
        },
    }
}

#[component]
fn Create(open: RwSignal<bool>, done: Callback<serde_json::Value>) -> impl IntoView {
    let name = Input::new("name", t(Text::Name)).hint(t(Text::UserNameHint));
    let shown = Input::new("display_name", t(Text::DisplayName));
    let email = Input::new("email", t(Text::Mail));
    let kinds = UserType::ALL.map(UserType::word);
    let kind = Input::new("type", t(Text::Type))
        .kind(Kind::Choice(words(&kinds)))
        .filled("developer");
    let password = Input::new("password", t(Text::Password))
        .kind(Kind::Secret)
        .hint(t(Text::PasswordHint));
    let inputs = vec![
        name.clone(),
        shown.clone(),
        email.clone(),
        kind.clone(),
        password.clone(),
    ];
    let typed = name.clone();
    let (chosen, address) = (kind.clone(), email.clone());
    let ask = Callback::new(move |()| {
        let new = NewUser {
            name: name.get(),
            display_name: shown.get(),
            email: email.given(),
            kind: UserType::ALL
                .into_iter()
                .find(|it| it.word() == kind.get())
                .unwrap_or_default(),
            password: Some(password.value.get()).filter(|it| !it.is_empty()),
        };
        Asked {
            method: "POST",
            path: "/users".to_owned(),
            body: serde_json::to_value(new).ok(),
            ..Asked::default()
        }
    });
    let command = move || {
        let name = typed.given().unwrap_or_else(|| "NAME".to_owned());
        let email = address.given().map(|email| format!(" --email {email}"));
        format!(
            "muster user create {name} --type {}{}",
            chosen.get(),
            email.unwrap_or_default()
        )
    };
    view! { <Form inputs ask command=Signal::derive(command) button=Text::CreateUser done open /> }
}
