//! Quotas: how much of what a project or somebody in it may use.

use leptos::prelude::*;
use muster_api::{
    permissions::Permission,
    quotas::{NewQuota, Quota, Resource},
    units::{ByteSize, Millis},
};
use muster_console_model::table::{Action, Cell, Row};
use time::OffsetDateTime;

use super::words;
use crate::{
    api::{self, Asked, follow::follow},
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

/// The quotas.
#[component]
pub fn Quotas() -> impl IntoView {
    let (quotas, again) = follow(&["quota", "project"], || api::list::<Quota>("/quotas"));
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::QuotaWrite));
    let table = rows(quotas, move |all| {
        all.iter().map(|one| row(one, may.get())).collect()
    });
    let deed = RwSignal::new(None::<Deed>);
    let reread = move || again.update(|count| *count += 1);
    let act = Callback::new(move |(_, id): (&str, String)| {
        deed.set(Some(Deed {
            title: with(Text::UnsetQuota, &[&id]),
            more: t(Text::UnsetMore),
            method: "DELETE",
            path: format!("/quotas/{id}"),
            command: format!("muster quota unset {id}"),
            name: "unset".to_owned(),
            ..Deed::default()
        }));
    });
    let open = RwSignal::new(false);
    view! {
        <Show when=move || may.get()>
            <div class="actions part-actions">
                <button type="button" class="primary" on:click=move |_| open.set(true)>{t(Text::SetQuota)}</button>
            </div>
        </Show>
        <Table
            label=Text::Quotas
            heads=&[Text::Resource, Text::AtMost, Text::Project, Text::User, Text::Updated]
            rows=table
            act
        >
            <Empty title=t(Text::Quotas) more=t(Text::NoQuotas)>""</Empty>
        </Table>
        <Dialog open title=t(Text::SetQuota).to_owned()>
            <SetQuota open done=Callback::new(move |_| reread()) />
        </Dialog>
        <Confirm deed done=Callback::new(move |()| reread()) />
    }
}

fn row(quota: &Quota, may: bool) -> Row {
    let limit = match quota.resource {
        Resource::Cpu => Cell::Number(quota.limit, Millis(quota.limit).to_string()),
        of if of.is_bytes() => Cell::bytes(quota.limit),
        _ => Cell::count(quota.limit),
    };
    let project = quota.project.clone();
    Row {
        id: quota.id.to_string(),
        cells: vec![
            Cell::Text(quota.resource.word().to_owned()),
            limit,
            Cell::Text(project.unwrap_or_else(|| t(Text::EachProject).to_owned())),
            Cell::maybe(quota.user.clone()),
            Cell::since(quota.updated_at, OffsetDateTime::now_utc()),
        ],
        actions: may
            .then(|| Action::danger("unset", Text::Remove))
            .into_iter()
            .collect(),
    }
}

/// How much is meant: a number, a size, or a time, by what it is of.
fn amount(resource: Resource, text: &str) -> Option<u64> {
    match resource {
        Resource::Cpu => text.parse().map(|Millis(time)| time).ok(),
        of if of.is_bytes() => text.parse().map(|ByteSize(size)| size).ok(),
        _ => text.parse().ok(),
    }
}

#[component]
fn SetQuota(open: RwSignal<bool>, done: Callback<serde_json::Value>) -> impl IntoView {
    let resources = Resource::ALL.map(Resource::word);
    let resource = Input::new("resource", t(Text::Resource))
        .kind(Kind::Choice(words(&resources)))
        .filled("memory");
    let limit = Input::new("limit", t(Text::AtMost)).hint(t(Text::QuotaHint));
    let project = Input::new("project", t(Text::Project)).hint(t(Text::QuotaProjectHint));
    let user = Input::new("user", t(Text::User)).hint(t(Text::QuotaUserHint));
    let inputs = vec![
        resource.clone(),
        limit.clone(),
        project.clone(),
        user.clone(),
    ];
    let all = StoredValue::new(inputs.clone());
    let ask = Callback::new(move |()| {
        let of: Resource = resource.get().parse().unwrap_or(Resource::Memory);
        let new = amount(of, &limit.get()).map(|limit| NewQuota {
            project: project.given(),
            user: user.given(),
            resource: of,
            limit,
        });
        // What is no amount is for the host to refuse, beside its field.
        let unread = || serde_json::json!({ "resource": of, "limit": limit.get() });
        let body = new.map_or_else(unread, |new| serde_json::to_value(new).unwrap_or_default());
        Asked {
            method: "PUT",
            path: "/quotas".to_owned(),
            body: Some(body),
            ..Asked::default()
        }
    });
    let command = move || {
        all.with_value(|all| {
            let told = |name: &str, input: &Input| {
                input
                    .given()
                    .map(|value| format!(" --{name} {value}"))
                    .unwrap_or_default()
            };
            let limit = all[1].given().unwrap_or_else(|| "LIMIT".to_owned());
            let rest = told("project", &all[2]) + &told("user", &all[3]);
            format!("muster quota set {} {limit}{rest}", all[0].get())
        })
    };
    view! {
        <Form inputs ask command=Signal::derive(command) button=Text::SetQuota plans=true done open />
    }
}
