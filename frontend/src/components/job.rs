//! A job: how far it is, what it says, and a way to cancel it.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    jobs::{Job, JobState},
    permissions::Permission,
};

use super::{badge::Mood, trouble::MaybeTrouble};
use crate::{
    api::{self, Failure},
    session::Session,
    words::{Text, t},
};

/// How good a job's state is, and the word for it.
pub fn mood(state: JobState) -> (Mood, Text) {
    match state {
        JobState::Queued => (Mood::Calm, Text::Queued),
        JobState::Running => (Mood::Busy, Text::IsRunning),
        JobState::Succeeded => (Mood::Good, Text::Succeeded),
        JobState::Failed => (Mood::Bad, Text::Failed),
        JobState::Cancelled => (Mood::Calm, Text::Cancelled),
    }
}

/// Its progress and its log.
#[component]
pub fn JobView(job: Job) -> impl IntoView {
    let session = expect_context::<Session>();
    let failure = RwSignal::new(job.problem.map(|it| Failure::Refused(Box::new(it))));
    let id = job.id;
    let cancel = move |_| {
        spawn_local(async move {
            let path = format!("/jobs/{id}/actions/cancel");
            if let Err(why) = api::order::<Job>("POST", &path).await {
                let _ = failure.try_set(Some(why));
            }
        });
    };
    let can_cancel = !job.state.is_final() && session.may(Permission::JobCancel);
    let (done, total) = job.progress.map_or((0, 1), |it| (it.done, it.total.max(1)));
    view! {
        <div class="staging">
            <h3>{job.step}</h3>
            <progress value=done.to_string() max=total.to_string() aria-label=t(Text::Progress)></progress>
            <div class="log" role="log" tabindex="0" aria-label=t(Text::Log)>
                {job.log.into_iter().map(|line| view! { <p><code>{line}</code></p> }).collect_view()}
            </div>
            <MaybeTrouble failure />
            {can_cancel.then(|| view! {
                <div><button type="button" on:click=cancel>{t(Text::CancelJob)}</button></div>
            })}
        </div>
    }
}
