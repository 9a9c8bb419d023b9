//! Access roles: bundles of permissions.

use leptos::prelude::*;
use muster_api::{
    access::{AccessRole, AccessRoleChange, NewAccessRole},
    permissions::Permission,
};
use muster_console_model::table::{Action, Cell, Row};
use serde_json::Value;

use crate::{
    api::{self, Asked, fetch::escape, follow::follow},
    components::{
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        rest::Empty,
        table::{Table, rows},
    },
    session::Session,
    words::{Text, t, with},
};

/// The access roles.
#[component]
pub fn AccessRoles() -> impl IntoView {
    let (roles, again) = follow(&["access-role"], || {
        api::list::<AccessRole>("/access-roles")
    });
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::AccessWrite));
    let table = rows(roles, move |all| {
        all.iter().map(|one| row(one, may.get())).collect()
    });
    let reread = move || again.update(|count| *count += 1);
    let deed = RwSignal::new(None::<Deed>);
    let open = RwSignal::new(false);
    let edited = RwSignal::new(None::<AccessRole>);
    let edit = move |role: Option<AccessRole>| {
        edited.set(role);
        open.set(true);
    };
    let act = Callback::new(move |(verb, name): (&'static str, String)| {
        if verb == "edit" {
            let found = roles.with_untracked(|roles| {
                let roles = roles.as_ref()?.as_ref().ok()?;
                roles.iter().find(|role| role.name == name).cloned()
            });
            edit(found);
            return;
        }
        deed.set(Some(Deed {
            title: with(Text::DeleteNamed, &[&name]),
            more: t(Text::DeleteAccessRoleMore),
            method: "DELETE",
            path: format!("/access-roles/{}", escape(&name)),
            command: format!("muster access-role delete {name}"),
            name,
            ..Deed::default()
        }));
    });
    let title = move || {
        edited.with(|role| match role {
            Some(role) => with(Text::ChangeNamed, &[&role.name]),
            None => t(Text::CreateAccessRole).to_owned(),
        })
    };
    view! {
        <Show when=move || may.get()>
            <div class="actions part-actions">
                <button type="button" class="primary" on:click=move |_| edit(None)>{t(Text::CreateAccessRole)}</button>
            </div>
        </Show>
        <Table
            label=Text::AccessRoles
            heads=&[Text::Name, Text::Origin, Text::Permissions]
            rows=table
            act
        >
            <Empty title=t(Text::AccessRoles) more=t(Text::NothingFits)>""</Empty>
        </Table>
        <Dialog open title=Signal::derive(title) wide=true>
            <Edit role=edited.get_untracked() open done=Callback::new(move |_| reread()) />
        </Dialog>
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

fn row(role: &AccessRole, may: bool) -> Row {
    let origin = if role.built_in {
        Text::BuiltIn
    } else {
        Text::OwnMade
    };
    let permissions = role.permissions.iter().map(ToString::to_string);
    let actions = [
        Action::new("edit", Text::Change),
        Action::danger("delete", Text::Delete),
    ];
    Row {
        id: role.name.clone(),
        cells: vec![
            Cell::Noted(role.name.clone(), role.description.clone()),
            Cell::Text(t(origin).to_owned()),
            Cell::Tags(permissions.collect()),
        ],
        actions: actions
            .into_iter()
            .filter(|_| may && !role.built_in)
            .collect(),
    }
}

/// Makes an access role, or changes one.
#[component]
fn Edit(role: Option<AccessRole>, open: RwSignal<bool>, done: Callback<Value>) -> impl IntoView {
    let words = |permissions: &[Permission]| {
        let words: Vec<_> = permissions.iter().map(ToString::to_string).collect();
        words.join(",")
    };
    let before = role.clone();
    let choices = Permission::ALL
        .iter()
        .map(|it| (it.to_string(), it.description().to_owned()));
    let name = Input::new("name", t(Text::Name)).hint(t(Text::AppNameHint));
    let about = Input::new("description", t(Text::Description));
    let holds =
        Input::new("permissions", t(Text::Permissions)).kind(Kind::Several(choices.collect()));
    let mut inputs = vec![about.clone(), holds.clone()];
    match &role {
        Some(role) => {
            about.value.set(role.description.clone());
            holds.value.set(words(&role.permissions));
        }
        None => inputs.insert(0, name.clone()),
    }
    let chosen = |holds: &Input| -> Vec<Permission> {
        let words = holds.get();
        words
            .split(',')
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let all = StoredValue::new((name, about, holds));
    let ask = Callback::new(move |()| {
        all.with_value(|(name, about, holds)| match &before {
            Some(role) => Asked {
                method: "PATCH",
                path: format!("/access-roles/{}", escape(&role.name)),
                body: serde_json::to_value(AccessRoleChange {
                    description: Some(about.get()),
                    permissions: Some(chosen(holds)),
                })
                .ok(),
                ..Asked::default()
            },
            None => Asked {
                method: "POST",
                path: "/access-roles".to_owned(),
                body: serde_json::to_value(NewAccessRole {
                    name: name.get(),
                    description: about.get(),
                    permissions: chosen(holds),
                })
                .ok(),
                ..Asked::default()
            },
        })
    });
    let command = move || {
        all.with_value(|(name, _, holds)| {
            let (verb, name) = match &role {
                Some(role) => ("modify", role.name.clone()),
                None => ("create", name.given().unwrap_or_else(|| "NAME".to_owned())),
            };
            let permissions = chosen(holds).into_iter();
            let told: String = permissions
                .map(|permission| format!(" --permission {permission}"))
                .collect();
            format!("muster access-role {verb} {name}{told}")
        })
    };
    view! { <Form inputs ask command=Signal::derive(command) button=Text::Save done open /> }
}
