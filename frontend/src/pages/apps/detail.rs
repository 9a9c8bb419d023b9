//! One app.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::{use_navigate, use_params_map};
use muster_api::{
    apps::{AppChange, AppDetail, DesiredState},
    jobs::Job,
    permissions::Permission,
};

use super::{
    AppState, droplets::Droplets, environment::Environment, instances::Instances, metrics::Metrics,
    routes::Routes,
};
use crate::{
    api::{
        self, Answer, Failure,
        fetch::escape,
        follow::{follow, refresh},
    },
    components::{
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Field,
        icon::{Icon, Shape},
        log::{Logs, of_app},
        outward::Outward,
        rest::Skeleton,
        trouble::{MaybeTrouble, Trouble},
    },
    session::Session,
    words::{Text, t, with},
};

/// The parts of the page, by the last word of their addresses.
const PARTS: [(&str, Text); 6] = [
    ("", Text::Instances),
    ("metrics", Text::Metrics),
    ("routes", Text::Routes),
    ("env", Text::Environment),
    ("logs", Text::Logs),
    ("releases", Text::Droplets),
];

/// The page.
#[component]
pub fn App() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|params| params.get("app").unwrap_or_default()));
    move || view! { <Named name=name.get() /> }
}

#[component]
fn Named(name: String) -> impl IntoView {
    let path = StoredValue::new(format!("/apps/{}", escape(&name)));
    let (detail, again) = follow(&["app", "job"], move || {
        let path = path.get_value();
        async move { api::get::<AppDetail>(&path).await }
    });
    refresh(again, 3);
    let params = use_params_map();
    let part = Memo::new(move |_| params.with(|params| params.get("part").unwrap_or_default()));
    let tabs = move || {
        let tab = |(word, text): &(&'static str, Text)| {
            let (word, text) = (*word, *text);
            let address = if word.is_empty() {
                path.get_value()
            } else {
                format!("{}/{word}", path.get_value())
            };
            view! {
                <li><a href=address aria-current=move || (part.get() == word).then_some("page")>{t(text)}</a></li>
            }
        };
        PARTS.iter().map(tab).collect_view()
    };
    let found = Memo::new(move |_| detail.with(|detail| matches!(detail, Some(Ok(_)))));
    let name = StoredValue::new(name);
    view! {
        <div class="head">
            <h1><a href="/apps" class="up">{t(Text::Apps)}</a>" / "{name.get_value()}</h1>
            {move || detail.with(|detail| detail.as_ref().and_then(|it| it.as_ref().ok()).map(|detail| view! { <AppState app=detail.app.clone() /> }))}
            <CliLine command=format!("muster app show {}", name.get_value()) />
            <Show when=move || found.get()><Actions name=name.get_value() detail /></Show>
        </div>
        {move || match detail.get() {
            None => view! { <Skeleton lines=6 /> }.into_any(),
            Some(Err(failure)) => view! { <Trouble failure /> }.into_any(),
            Some(Ok(detail)) => view! { <Summary detail /> }.into_any(),
        }}
        <Show when=move || found.get()>
            <nav class="tabs" aria-label=name.get_value()><ul>{tabs}</ul></nav>
            {move || {
                let name = name.get_value();
                match part.get().as_str() {
                    "" => view! { <Instances detail /> }.into_any(),
                    "metrics" => view! { <Metrics app=name /> }.into_any(),
                    "routes" => view! { <Routes app=name /> }.into_any(),
                    "env" => view! { <Environment app=name /> }.into_any(),
                    "logs" => {
                        let stream = format!("/api/v1{}/logs?follow=true&tail=300", path.get_value());
                        let command = format!("muster app logs {name} --follow");
                        view! { <Logs path=stream of=of_app command /> }.into_any()
                    }
                    "releases" => view! { <Droplets app=name /> }.into_any(),
                    _ => view! { <super::super::not_found::NotFound /> }.into_any(),
                }
            }}
        </Show>
    }
}

#[component]
fn Summary(detail: AppDetail) -> impl IntoView {
    let app = detail.app;
    let urls = app.urls.into_iter().map(|url| view! { <Outward url /> });
    view! {
        <p class="urls">{urls.collect_view()}</p>
        {app.last_failure.map(|why| view! {
            <div class="trouble" role="alert">
                <Icon shape=Shape::Alert />
                <div><strong>{t(Text::Attend)}</strong><p>{why}</p></div>
            </div>
        })}
    }
}

#[component]
fn Actions(name: String, detail: crate::api::follow::Followed<AppDetail>) -> impl IntoView {
    let session = expect_context::<Session>();
    let path = StoredValue::new(format!("/apps/{}", escape(&name)));
    let name = StoredValue::new(name);
    let failure = RwSignal::new(None::<Failure>);
    let act = move |verb: &'static str| {
        failure.set(None);
        spawn_local(async move {
            let path = format!("{}/actions/{verb}", path.get_value());
            if let Err(why) = api::order::<Job>("POST", &path).await {
                let _ = failure.try_set(Some(why));
            }
        });
    };
    let is_started = Memo::new(move |_| {
        detail.with(|detail| {
            matches!(detail, Some(Ok(detail)) if detail.app.state == DesiredState::Started)
        })
    });
    let scale = RwSignal::new(false);
    let deed = RwSignal::new(None::<Deed>);
    let delete = move |_| {
        let name = name.get_value();
        deed.set(Some(Deed {
            title: with(Text::DeleteNamed, &[&name]),
            more: t(Text::DeleteMore),
            name: name.clone(),
            method: "DELETE",
            path: path.get_value(),
            command: format!("muster app delete {name}"),
            ..Deed::default()
        }));
    };
    let navigate = use_navigate();
    let gone = Callback::new(move |()| navigate("/apps", Default::default()));
    view! {
        <div class="actions">
            <Show when=move || session.may(Permission::AppWrite)>
                <Show
                    when=move || is_started.get()
                    fallback=move || view! { <button type="button" class="primary" on:click=move |_| act("start")>{t(Text::Start)}</button> }
                >
                    <button type="button" on:click=move |_| act("restart")>{t(Text::Restart)}</button>
                    <button type="button" on:click=move |_| act("stop")>{t(Text::Stop)}</button>
                </Show>
                <button type="button" on:click=move |_| scale.set(true)>{t(Text::Scale)}</button>
            </Show>
            <Show when=move || session.may(Permission::AppDelete)>
                <button type="button" class="danger" on:click=delete>{t(Text::Delete)}</button>
            </Show>
        </div>
        <MaybeTrouble failure />
        <Dialog open=scale title=t(Text::Scale).to_owned()>
            <Scale name=name.get_value() detail open=scale />
        </Dialog>
        <Confirm deed done=gone />
    }
}

#[component]
fn Scale(
    name: String,
    detail: crate::api::follow::Followed<AppDetail>,
    open: RwSignal<bool>,
) -> impl IntoView {
    let now = detail.with_untracked(|detail| match detail {
        Some(Ok(detail)) => detail.app.instances,
        _ => 1,
    });
    let count = RwSignal::new(now.to_string());
    let failure = RwSignal::new(None::<Failure>);
    let wrong = move || failure.with(|failure| failure.as_ref()?.of_field("instances"));
    let command = format!("muster app scale {name} --instances ");
    let path = StoredValue::new(format!("/apps/{}", escape(&name)));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let change = AppChange {
            instances: count.get_untracked().trim().parse().ok(),
            memory: None,
        };
        spawn_local(async move {
            let answer: Answer<Job> = api::act("PATCH", &path.get_value(), &change).await;
            match answer {
                Ok(_) => open.set(false),
                Err(why) => {
                    let _ = failure.try_set(Some(why));
                }
            }
        });
    };
    view! {
        <form on:submit=submit>
            <Field name="instances" label=t(Text::HowMany) kind="number" value=count wrong=Signal::derive(wrong) focus=true />
            <MaybeTrouble failure />
            <CliLine command=Signal::derive(move || format!("{command}{}", count.get())) />
            <footer>
                <button type="button" on:click=move |_| open.set(false)>{t(Text::Cancel)}</button>
                <button type="submit" class="primary" disabled=move || count.with(|count| count.trim().parse::<u32>().is_err())>
                    {t(Text::Scale)}
                </button>
            </footer>
        </form>
    }
}
