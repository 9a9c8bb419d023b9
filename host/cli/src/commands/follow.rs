//! Waiting for a job, with its log on standard error.

use std::time::Duration;

use muster_api::jobs::{Job, JobState};

use crate::{
    client::{Client, Patience, patiently},
    failure::{Exit, Failure},
    output::text,
};

/// How long a host may be gone while a job is followed: about half a minute.
const PATIENCE: Patience = Patience {
    attempts: 7,
    pause: Duration::from_millis(500),
};

/// Follows a job to its end, which must be a good one.
///
/// # Errors
/// The job's problem; or that it was cancelled; or that the wait was
/// interrupted, which leaves the job at work.
pub async fn to_success(client: &Client, job: Job) -> Result<Job, Failure> {
    let job = to_end(client, job).await?;
    match job.state {
        JobState::Succeeded => Ok(job),
        JobState::Cancelled => Err(Failure::new(
            Exit::Cancelled,
            format!("the {} was cancelled", job.kind),
        )
        .hint(look(&job))),
        _ => Err(failure(job)),
    }
}

/// Follows a job to its end, whichever.
///
/// # Errors
/// If the host is gone for long, or the wait was interrupted.
pub async fn to_end(client: &Client, job: Job) -> Result<Job, Failure> {
    let interrupted = Failure::new(
        Exit::Cancelled,
        format!(
            "interrupted; the {} of {} goes on on the host",
            job.kind, job.subject
        ),
    )
    .hint(look(&job));
    tokio::select! {
        job = watch(client, job) => job,
        _ = tokio::signal::ctrl_c() => Err(interrupted),
    }
}

async fn watch(client: &Client, mut job: Job) -> Result<Job, Failure> {
    let mut shown = 0;
    loop {
        for line in job.log.iter().skip(shown) {
            eprintln!("{}", text::printable(line));
        }
        shown = shown.max(job.log.len());
        if job.state.is_final() {
            return Ok(job);
        }
        let id = job.id;
        job = patiently(PATIENCE, || client.job_after(id, shown))
            .await
            .map_err(|error| {
                let gone = error.is_transient();
                let failure = Failure::from(error);
                if gone {
                    failure.hint(format!(
                        "the job goes on when the host is back: {}",
                        look(&job)
                    ))
                } else {
                    failure
                }
            })?;
    }
}

fn look(job: &Job) -> String {
    format!("`muster job show {}` shows how far it is", job.id)
}

/// A job's failure. Whatever status the problem has, the job was found and the
/// person is logged in: the exit code is that of any failure.
fn failure(job: Job) -> Failure {
    let log = format!("`muster job show {}` shows its log", job.id);
    let Some(problem) = job.problem else {
        let message = format!("the {} of {} failed", job.kind, job.subject);
        return Failure::new(Exit::Failure, message).hint(log);
    };
    let has_remedy = problem.remedy.is_some();
    let mut failure = Failure::from(problem);
    failure.exit = Exit::Failure;
    if has_remedy {
        failure
    } else {
        failure.hint(log)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failed_job_is_a_failure_whatever_its_status() {
        let job = |problem| -> Job {
            serde_json::from_value(json!({
                "id": "01890a5d-ac96-774b-bcce-b302099a8057", "kind": "push", "subject": "a",
                "state": "failed", "step": "", "log": [], "problem": problem,
                "created_at": "2026-03-01T11:59:20Z",
            }))
            .unwrap()
        };
        let gone = json!({ "code": "gone", "status": 404, "title": "No", "remedy": "do this" });
        for (problem, hint) in [
            (gone, "hint: do this"),
            (
                json!({ "code": "x", "status": 422, "title": "No" }),
                "hint: `muster job show 0189",
            ),
            (serde_json::Value::Null, "hint: `muster job show 0189"),
        ] {
            let failure = failure(job(problem));
            assert_eq!(failure.exit, Exit::Failure);
            assert!(failure.text().contains(hint), "{}", failure.text());
        }
    }
}
