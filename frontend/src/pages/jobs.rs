//! Jobs: what takes longer than a moment, and how far it is.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_params_map;
use muster_api::{
    jobs::{Job, JobState},
    page::Page,
    permissions::Permission,
};
use muster_console_model::table::{Action, Cell, Row};
use time::OffsetDateTime;

use crate::{
    api::{self, fetch::escape, follow::follow},
    components::{
        address::{AddressField, Turner, in_address, query},
        badge::Badge,
        cli_line::CliLine,
        field::Kind,
        job::{JobView, mood},
        rest::{Empty, shown},
        table::{Table, rows},
        trouble::MaybeTrouble,
    },
    session::Session,
    words::{Text, t},
};

const STATES: [JobState; 5] = [
    JobState::Queued,
    JobState::Running,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
];

/// The list, newest first.
#[component]
pub fn Jobs() -> impl IntoView {
    let (state, _) = in_address("state");
    let (app, _) = in_address("app");
    let (cursor, _) = in_address("cursor");
    let (jobs, _) = follow(&["job"], move || {
        let words = [
            ("state", state.get()),
            ("app", app.get()),
            ("cursor", cursor.get()),
        ];
        let path = format!("/jobs?limit=200{}", query(&words));
        async move { api::get::<Page<Job>>(&path).await }
    });
    let next = move || jobs.with(|jobs| jobs.as_ref()?.as_ref().ok()?.next.clone());
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::JobCancel));
    let table = rows(jobs, move |page| {
        page.items.iter().map(|job| row(job, may.get())).collect()
    });
    let failure = RwSignal::new(None);
    let act = Callback::new(move |(_, id): (&str, String)| {
        failure.set(None);
        spawn_local(async move {
            let path = format!("/jobs/{id}/actions/cancel");
            if let Err(why) = api::order::<Job>("POST", &path).await {
                let _ = failure.try_set(Some(why));
            }
        });
    });
    let any = (String::new(), t(Text::Any).to_owned());
    let states = STATES.map(|state| (state.to_string(), t(mood(state).1).to_owned()));
    let states: Vec<_> = [any].into_iter().chain(states).collect();
    let command = move || {
        let told = [("state", state.get()), ("app", app.get())];
        let told = told
            .into_iter()
            .filter_map(|(name, value)| Some(format!(" --{name} {}", value?)));
        format!("muster job list{}", told.collect::<String>())
    };
    view! {
        <div class="head">
            <h1>{t(Text::Jobs)}</h1>
            <CliLine command=Signal::derive(command) />
        </div>
        <div class="filters">
            <AddressField name="state" label=Text::State kind=Kind::Choice(states) />
            <AddressField name="app" label=Text::App />
        </div>
        <MaybeTrouble failure />
        <Table
            label=Text::Jobs
            heads=&[Text::Job, Text::App, Text::State, Text::Step, Text::Made, Text::Ended]
            rows=table
            act
        >
            <Empty title=t(Text::NoJobs) more=t(Text::NoJobsMore)>""</Empty>
        </Table>
        <Turner next=Signal::derive(next) />
    }
}

fn row(job: &Job, may_cancel: bool) -> Row {
    let now = OffsetDateTime::now_utc();
    let (good, word) = mood(job.state);
    let id = job.id.to_string();
    let actions = (may_cancel && !job.state.is_final())
        .then(|| Action::danger("cancel", Text::Cancel))
        .into_iter()
        .collect();
    Row {
        cells: vec![
            Cell::Link(format!("/jobs/{id}"), job.kind.clone()),
            Cell::Text(job.subject.clone()),
            Cell::state(good, t(word)),
            Cell::Text(job.step.clone()),
            Cell::since(job.created_at, now),
            job.ended_at
                .map_or(Cell::Nothing, |at| Cell::since(at, now)),
        ],
        actions,
        id,
    }
}

/// One job.
#[component]
pub fn OneJob() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("job").unwrap_or_default()));
    let (job, _) = follow(&["job"], move || {
        let path = format!("/jobs/{}", escape(&id.get()));
        async move { api::get::<Job>(&path).await }
    });
    let view = |job: Job| {
        let (good, word) = mood(job.state);
        let made = muster_console_model::reading::age(job.created_at, OffsetDateTime::now_utc());
        view! {
            <p class="facts">
                <strong>{job.kind.clone()}" "{job.subject.clone()}</strong>
                <Badge mood=good text=t(word) />
                <span class="hint">{t(Text::Made)}" · "{made}</span>
            </p>
            <JobView job />
        }
    };
    view! {
        <div class="head">
            <h1><a href="/jobs" class="up">{t(Text::Jobs)}</a>" / "{move || id.get().chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect::<String>()}</h1>
            <CliLine command=Signal::derive(move || format!("muster job show {} --follow", id.get())) />
        </div>
        {shown(job, 5, view)}
    }
}
