use muster_api::{
    id::AppId,
    jobs::{JobFilter, JobState, Progress},
    problem::Problem,
};
use time::Duration;
use uuid::Uuid;

use crate::{
    now,
    testing::{job, store},
};

#[tokio::test]
async fn a_job_runs_and_ends_once() {
    let (store, _dir) = store().await;
    let push = job("push", None);
    let (id, at) = (push.id, now());
    let added = push.clone();
    store
        .write(|tx| Box::pin(async move { tx.job_insert(&added).await }))
        .await
        .unwrap();
    assert_eq!(store.job_get(id).await.unwrap(), Some(push.clone()));

    let problem = Problem {
        code: "cancelled".to_owned(),
        status: 409,
        title: "The push was cancelled".to_owned(),
        detail: String::new(),
        remedy: None,
        fields: Vec::new(),
        quota: None,
        captcha: None,
        request_id: None,
    };
    let reason = problem.clone();
    let told = store
        .write(move |tx| {
            Box::pin(async move {
                Ok([
                    tx.job_start(id, at).await?,
                    tx.job_step(id, "staging").await?,
                    tx.job_log_append(id, &["one".to_owned()]).await?,
                    tx.job_log_append(id, &["two".to_owned(), "three".to_owned()])
                        .await?,
                    tx.job_finish(id, JobState::Cancelled, Some(&reason), at)
                        .await?,
                    tx.job_finish(id, JobState::Succeeded, None, at).await?,
                    tx.job_start(id, at).await?,
                ])
            })
        })
        .await
        .unwrap();
    assert_eq!(told, [true, true, true, true, true, false, false]);
    let ended = store.job_get(id).await.unwrap().unwrap();
    assert_eq!(
        (ended.state, ended.step.as_str()),
        (JobState::Cancelled, "staging")
    );
    assert_eq!(ended.log, ["one", "two", "three"]);
    assert_eq!(
        (ended.problem, ended.started_at, ended.ended_at),
        (Some(problem), Some(at), Some(at))
    );
}

#[tokio::test]
async fn jobs_are_listed_by_creation() {
    let (store, _dir) = store().await;
    let shop = AppId(Uuid::now_v7());
    let jobs = [
        job("a", Some(shop)),
        job("b", None),
        job("c", Some(shop)),
        job("d", None),
    ];
    let ids = jobs.each_ref().map(|job| job.id);
    store
        .write(move |tx| {
            Box::pin(async move {
                for job in &jobs {
                    tx.job_insert(job).await?;
                }
                tx.job_finish(ids[1], JobState::Succeeded, None, now())
                    .await?;
                tx.job_start(ids[2], now()).await
            })
        })
        .await
        .unwrap();
    let all = JobFilter::default();
    let page = store.job_list(None, &all, None, 3).await.unwrap();
    assert_eq!(
        page.items.iter().map(|job| job.id).collect::<Vec<_>>(),
        [ids[3], ids[2], ids[1]]
    );
    let rest = store
        .job_list(None, &all, Some(page.next.unwrap().parse().unwrap()), 3)
        .await
        .unwrap();
    assert_eq!(
        rest.items.iter().map(|job| job.id).collect::<Vec<_>>(),
        [ids[0]]
    );
    assert_eq!(rest.next, None);

    let unfinished: Vec<_> = store
        .job_list_unfinished()
        .await
        .unwrap()
        .iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(unfinished, [ids[0], ids[2], ids[3]]);
    assert_eq!(
        store.job_latest_for_app(shop).await.unwrap().unwrap().id,
        ids[2]
    );
    assert_eq!(
        store
            .job_latest_for_app(AppId(Uuid::now_v7()))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_list_is_narrowed_by_state_and_app() {
    let (store, _dir) = store().await;
    let shop = AppId(Uuid::now_v7());
    let jobs = [
        job("shop", Some(shop)),
        job("shop", Some(shop)),
        job("blog", Some(AppId(Uuid::now_v7()))),
        // Of no app, though it is called like one.
        job("shop", None),
    ];
    let ids = jobs.each_ref().map(|job| job.id);
    store
        .write(move |tx| {
            Box::pin(async move {
                for job in &jobs {
                    tx.job_insert(job).await?;
                }
                tx.job_finish(ids[0], JobState::Failed, None, now()).await?;
                tx.job_finish(ids[2], JobState::Failed, None, now()).await
            })
        })
        .await
        .unwrap();
    let found = async |state: Option<JobState>, app: Option<&str>| {
        let app = app.map(str::to_owned);
        let page = store
            .job_list(None, &JobFilter { state, app }, None, 10)
            .await
            .unwrap();
        page.items.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(found(None, Some("shop")).await, [ids[1], ids[0]]);
    assert_eq!(found(Some(JobState::Failed), None).await, [ids[2], ids[0]]);
    let both = found(Some(JobState::Failed), Some("shop")).await;
    assert_eq!(both, [ids[0]]);
    assert_eq!(found(None, Some("nobody")).await, []);
}

#[tokio::test]
async fn progress_is_kept_until_the_end_and_old_jobs_are_forgotten() {
    let (store, _dir) = store().await;
    let jobs = [job("old", None), job("new", None), job("at work", None)];
    let ids = jobs.each_ref().map(|job| job.id);
    let half = Progress { done: 1, total: 2 };
    let told = store
        .write(move |tx| {
            Box::pin(async move {
                for job in &jobs {
                    tx.job_insert(job).await?;
                }
                let long_ago = now() - Duration::days(31);
                let before = tx.job_progress(ids[0], half).await?;
                tx.job_finish(ids[0], JobState::Cancelled, None, long_ago)
                    .await?;
                tx.job_finish(ids[1], JobState::Succeeded, None, now())
                    .await?;
                let whole = Progress { done: 2, total: 2 };
                Ok([before, tx.job_progress(ids[0], whole).await?])
            })
        })
        .await
        .unwrap();
    assert_eq!(told, [true, false], "what has ended does not go on");
    let kept = store.job_get(ids[0]).await.unwrap().unwrap();
    assert_eq!(kept.progress, Some(half));

    let before = now() - Duration::days(30);
    let gone = store
        .write(move |tx| Box::pin(async move { tx.job_ended_delete(before).await }))
        .await
        .unwrap();
    assert_eq!(gone, 1);
    assert_eq!(store.job_get(ids[0]).await.unwrap(), None);
    for id in &ids[1..] {
        assert!(store.job_get(*id).await.unwrap().is_some());
    }
}
