//! Identity: people and projects, what they may do and have agreed to, and what one has
//! of one's own: keys, sessions, second factors.

mod access_bindings;
mod access_roles;
mod factors;
mod keys;
mod members;
mod own;
mod passkeys;
mod projects;
mod quotas;
mod terms;
mod users;

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use muster_api::permissions::Permission;

use self::{
    access_bindings::AccessBindings, access_roles::AccessRoles, factors::Factors, keys::Keys,
    own::Sessions, projects::Projects, quotas::Quotas, terms::Terms, users::Users,
};
use super::not_found::NotFound;
use crate::{
    components::cli_line::CliLine,
    session::Session,
    words::{Text, t},
};

/// The parts: the last word of the address, its text, the command, and what it needs.
const PARTS: [(&str, Text, &str, Option<Permission>); 9] = [
    (
        "users",
        Text::Users,
        "user list",
        Some(Permission::UserRead),
    ),
    ("projects", Text::Projects, "project list", None),
    (
        "quotas",
        Text::Quotas,
        "quota list",
        Some(Permission::QuotaRead),
    ),
    (
        "access-roles",
        Text::AccessRoles,
        "access-role list",
        Some(Permission::AccessRead),
    ),
    (
        "access-bindings",
        Text::AccessBindings,
        "access-binding list",
        Some(Permission::AccessRead),
    ),
    ("terms", Text::Terms, "term list", None),
    ("keys", Text::Keys, "key list", None),
    ("sessions", Text::Sessions, "session list", None),
    ("factors", Text::Factors, "self factor list", None),
];

/// The page.
#[component]
pub fn Identity() -> impl IntoView {
    let session = expect_context::<Session>();
    let allowed = move || {
        let may = move |needs: Option<Permission>| needs.is_none_or(|needs| session.may(needs));
        PARTS.into_iter().filter(move |part| may(part.3))
    };
    let params = use_params_map();
    let part = Memo::new(move |_| {
        let told = params.with(|params| params.get("part"));
        told.or_else(|| allowed().next().map(|part| part.0.to_owned()))
            .unwrap_or_default()
    });
    let tab = move |(word, text, _, _): (&'static str, Text, &str, Option<Permission>)| {
        let here = move || (part.get() == word).then_some("page");
        view! { <li><a href=format!("/identity/{word}") aria-current=here>{t(text)}</a></li> }
    };
    let command = move || {
        let found = PARTS.iter().find(|it| it.0 == part.get());
        format!("muster {}", found.map_or("self show", |it| it.2))
    };
    view! {
        <div class="head">
            <h1>{t(Text::Identity)}</h1>
            <CliLine command=Signal::derive(command) />
        </div>
        <nav class="tabs" aria-label=t(Text::Identity)>
            <ul>{move || allowed().map(tab).collect_view()}</ul>
        </nav>
        {move || match part.get().as_str() {
            "users" => view! { <Users /> }.into_any(),
            "projects" => view! { <Projects /> }.into_any(),
            "quotas" => view! { <Quotas /> }.into_any(),
            "access-roles" => view! { <AccessRoles /> }.into_any(),
            "access-bindings" => view! { <AccessBindings /> }.into_any(),
            "terms" => view! { <Terms /> }.into_any(),
            "keys" => view! { <Keys /> }.into_any(),
            "sessions" => view! { <Sessions /> }.into_any(),
            "factors" => view! { <Factors /> }.into_any(),
            _ => view! { <NotFound /> }.into_any(),
        }}
    }
}

/// The words of a kind, each of which is its own name.
fn words(words: &[&str]) -> Vec<(String, String)> {
    words
        .iter()
        .map(|word| ((*word).to_owned(), (*word).to_owned()))
        .collect()
}
