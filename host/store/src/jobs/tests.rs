use muster_api::{id::AppId, jobs::JobState, problem::Problem};
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
    let page = store.job_list(None, None, 3).await.unwrap();
    assert_eq!(
        page.items.iter().map(|job| job.id).collect::<Vec<_>>(),
        [ids[3], ids[2], ids[1]]
    );
    let rest = store
        .job_list(None, Some(page.next.unwrap().parse().unwrap()), 3)
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
