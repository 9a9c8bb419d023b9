//! `/api/v1/quotas`, and what projects use

use muster_api::{
    id::QuotaId,
    page::Page,
    plan::Plan,
    quotas::{NewQuota, Quota, Usage},
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// All quotas, or one project's.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn quotas(&self, project: Option<&str>) -> Result<Page<Quota>, ClientError> {
        let request = self.get(&["quotas"]);
        self.call(request.query(&[("project", project)])).await
    }

    /// One quota.
    ///
    /// # Errors
    /// As of every call.
    pub async fn quota(&self, id: QuotaId) -> Result<Quota, ClientError> {
        self.call(self.get(&["quotas", &id.to_string()])).await
    }

    /// Sets a quota.
    ///
    /// # Errors
    /// As of every call.
    pub async fn set_quota(&self, new: &NewQuota) -> Result<Quota, ClientError> {
        let request = self.request(Method::PUT, &["quotas"]);
        self.call(request.json(new)).await
    }

    /// What setting a quota would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_quota(&self, new: &NewQuota) -> Result<Plan, ClientError> {
        let request = self.request(Method::PUT, &["quotas"]);
        self.call(request.query(&[("dry_run", true)]).json(new))
            .await
    }

    /// Takes a quota away, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn unset_quota(&self, id: QuotaId, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["quotas", &id.to_string()]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Stops what is over its quota, or shows what that would be.
    ///
    /// # Errors
    /// As of every call.
    pub async fn enforce_quotas(
        &self,
        project: Option<&str>,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::POST, &["quotas", "actions", "enforce"]);
        let request = request.query(&[("project", project)]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// What a project uses.
    ///
    /// # Errors
    /// As of every call.
    pub async fn usage(&self, project: &str) -> Result<Page<Usage>, ClientError> {
        self.call(self.get(&["projects", project, "usage"])).await
    }
}
