//! An app's environment variables.

use std::collections::BTreeMap;

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    apps::{Env, EnvChange},
    jobs::Job,
};
use muster_console_model::table::{Action, Cell, Row};

use crate::{
    api::{self, Failure, fetch::escape, follow::follow},
    components::{
        cli_line::CliLine,
        field::Field,
        rest::Empty,
        table::{Table, rows},
        trouble::MaybeTrouble,
    },
    words::{Text, t},
};

/// The variables, and a form to set one.
#[component]
pub fn Environment(app: String) -> impl IntoView {
    let path = StoredValue::new(format!("/apps/{}/env", escape(&app)));
    let (env, again) = follow(&["app"], move || {
        let path = path.get_value();
        async move { api::get::<Env>(&path).await }
    });
    let (name, value) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let failure = RwSignal::new(None::<Failure>);
    let change = Callback::new(move |change: EnvChange| {
        failure.set(None);
        spawn_local(async move {
            match api::act::<Job>("PATCH", &path.get_value(), &change).await {
                Ok(_) => {
                    let _ = name.try_set(String::new());
                    let _ = value.try_set(String::new());
                    again.update(|count| *count += 1);
                }
                Err(why) => {
                    let _ = failure.try_set(Some(why));
                }
            }
        });
    });
    let set = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let pair = (
            name.get_untracked().trim().to_owned(),
            value.get_untracked(),
        );
        change.run(EnvChange {
            set: BTreeMap::from([pair]),
            unset: Vec::new(),
        });
    };
    let wrong = move || {
        failure.with(|failure| {
            let Failure::Refused(problem) = failure.as_ref()? else {
                return None;
            };
            Some(problem.fields.first()?.message.clone())
        })
    };
    let unset = Callback::new(move |(_, name): (&str, String)| {
        change.run(EnvChange {
            set: BTreeMap::new(),
            unset: vec![name],
        });
    });
    let table = rows(env, |env: &Env| {
        let row = |(name, value): (&String, &String)| Row {
            actions: vec![Action::danger("unset", Text::Remove)],
            ..Row::new(
                name,
                vec![Cell::Code(name.clone()), Cell::Code(value.clone())],
            )
        };
        env.env.iter().map(row).collect()
    });
    let command = move || {
        let (name, value) = (name.get(), value.get());
        let name = if name.is_empty() { "NAME" } else { &name };
        format!("muster app env {app} --set {name}={value}")
    };
    view! {
        <p class="hint">{t(Text::EnvMore)}</p>
        <Table label=Text::Environment heads=&[Text::Variable, Text::Value] rows=table act=unset>
            <Empty title=t(Text::Environment) more=t(Text::NoEnv)>""</Empty>
        </Table>
        <form class="row" on:submit=set>
            <Field name="variable" label=t(Text::Variable) value=name wrong=Signal::derive(wrong) />
            <Field name="value" label=t(Text::Value) value=value />
            <button type="submit" class="primary" disabled=move || name.with(|it| it.trim().is_empty())>{t(Text::Set)}</button>
        </form>
        <MaybeTrouble failure />
        <CliLine command=Signal::derive(command) />
    }
}
