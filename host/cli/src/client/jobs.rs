//! `/api/v1/jobs`

use muster_api::{
    id::JobId,
    jobs::{Job, JobFilter},
    page::Page,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// All jobs that the host remembers and the filter lets through.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Page<Job>, ClientError> {
        let state = filter.state.map(|state| ("state", state.to_string()));
        let app = filter.app.clone().map(|app| ("app", app));
        let filter: Vec<_> = state.into_iter().chain(app).collect();
        self.list_where(&["jobs"], &filter).await
    }

    /// One job as it is now.
    ///
    /// # Errors
    /// As of every call.
    pub async fn job(&self, id: JobId) -> Result<Job, ClientError> {
        self.call(self.get(&["jobs", &id.to_string()])).await
    }

    /// One job once it has more log lines than `lines` or has ended, or after 20 s.
    ///
    /// # Errors
    /// As of every call.
    pub async fn job_after(&self, id: JobId, lines: usize) -> Result<Job, ClientError> {
        let request = self.get(&["jobs", &id.to_string()]);
        self.call(request.query(&[("after_lines", lines)])).await
    }

    /// Cancels a job.
    ///
    /// # Errors
    /// As of every call.
    pub async fn cancel_job(&self, id: JobId) -> Result<Job, ClientError> {
        let path = ["jobs", &id.to_string(), "actions", "cancel"];
        self.call(self.request(Method::POST, &path)).await
    }
}
