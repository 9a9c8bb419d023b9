//! Access bindings: who has which access role, and where.

use leptos::prelude::*;
use muster_api::{
    access::{AccessBinding, AccessRole, NewAccessBinding},
    permissions::Permission,
};
use muster_console_model::table::{Action, Cell, Row};
use serde_json::Value;
use time::OffsetDateTime;

use super::words;
use crate::{
    api::{self, Asked, follow::follow},
    components::{
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        rest::{Empty, shown},
        table::{Table, rows},
    },
    session::Session,
    words::{Text, t},
};

/// The bindings.
#[component]
pub fn AccessBindings() -> impl IntoView {
    let (bindings, again) = follow(&["access-binding", "access-role", "project"], || {
        api::list::<AccessBinding>("/access-bindings")
    });
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::AccessWrite));
    let table = rows(bindings, move |all| {
        all.iter().map(|one| row(one, may.get())).collect()
    });
    let reread = move || again.update(|count| *count += 1);
    let deed = RwSignal::new(None::<Deed>);
    let act = Callback::new(move |(_, id): (&'static str, String)| {
        deed.set(Some(Deed {
            title: t(Text::TakeAccess).to_owned(),
            more: t(Text::TakeAccessMore),
            method: "DELETE",
            path: format!("/access-bindings/{id}"),
            command: format!("muster access-binding delete {id}"),
            ..Deed::default()
        }));
    });
    let open = RwSignal::new(false);
    view! {
        <Show when=move || may.get()>
            <div class="actions part-actions">
                <button type="button" class="primary" on:click=move |_| open.set(true)>{t(Text::GiveAccess)}</button>
            </div>
        </Show>
        <Table
            label=Text::AccessBindings
            heads=&[Text::User, Text::AccessRole, Text::Project, Text::Since]
            rows=table
            act
        >
            <Empty title=t(Text::AccessBindings) more=t(Text::NoBindings)>""</Empty>
        </Table>
        <Dialog open title=t(Text::GiveAccess).to_owned()>
            <Give open done=Callback::new(move |_| reread()) />
        </Dialog>
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

fn row(binding: &AccessBinding, may: bool) -> Row {
    let project = binding.project.clone();
    Row {
        id: binding.id.to_string(),
        cells: vec![
            Cell::Text(binding.user.clone()),
            Cell::Text(binding.role.clone()),
            Cell::Text(project.unwrap_or_else(|| t(Text::Everywhere).to_owned())),
            Cell::since(binding.created_at, OffsetDateTime::now_utc()),
        ],
        actions: may
            .then(|| Action::danger("take", Text::Remove))
            .into_iter()
            .collect(),
    }
}

#[component]
fn Give(open: RwSignal<bool>, done: Callback<Value>) -> impl IntoView {
    let (roles, _) = follow(&["access-role"], || {
        api::list::<AccessRole>("/access-roles")
    });
    shown(roles, 3, move |roles| {
        let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
        let user = Input::new("user", t(Text::User));
        let role = Input::new("role", t(Text::AccessRole))
            .kind(Kind::Choice(words(&names)))
            .filled(names.first().copied().unwrap_or_default());
        let project = Input::new("project", t(Text::Project)).hint(t(Text::BindingProjectHint));
        let inputs = vec![user.clone(), role.clone(), project.clone()];
        let told = StoredValue::new(inputs.clone());
        let ask = Callback::new(move |()| Asked {
            method: "POST",
            path: "/access-bindings".to_owned(),
            body: serde_json::to_value(NewAccessBinding {
                user: user.get(),
                role: role.get(),
                project: project.given(),
            })
            .ok(),
            ..Asked::default()
        });
        let command = move || {
            told.with_value(|told| {
                let user = told[0].given().unwrap_or_else(|| "USER".to_owned());
                let project = told[2].given().map(|name| format!(" --project {name}"));
                let project = project.unwrap_or_default();
                format!(
                    "muster access-binding create {user} {}{project}",
                    told[1].get()
                )
            })
        };
        view! { <Form inputs ask command=Signal::derive(command) button=Text::GiveAccess done open /> }
    })
}
