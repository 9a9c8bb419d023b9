//! `/api/v1/apps`

use muster_api::{
    apps::{App, AppChange, AppDetail, Env, EnvChange, Rollback},
    droplets::Droplet,
    jobs::Job,
    metrics::AppMetrics,
    page::Page,
    plan::Plan,
    pushes::Push,
};
use reqwest::{Method, RequestBuilder};

use super::{Client, ClientError};

/// What can be done to an app without saying more.
#[derive(Debug, Clone, Copy)]
pub enum AppAction {
    /// Let it run.
    Start,
    /// Let it rest.
    Stop,
    /// Replace its instances.
    Restart,
}

impl AppAction {
    fn segment(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// A change of an app that is there.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// How many instances it has, and their memory.
    Scale(&'a AppChange),
    /// Its environment variables.
    Env(&'a EnvChange),
    /// Back to a kept droplet.
    RollBack(&'a Rollback),
    /// Start, stop or restart.
    Act(AppAction),
}

impl Client {
    /// All apps.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn apps(&self) -> Result<Page<App>, ClientError> {
        self.list(&["apps"]).await
    }

    /// One app with its instances.
    ///
    /// # Errors
    /// As of every call.
    pub async fn app(&self, name: &str) -> Result<AppDetail, ClientError> {
        self.call(self.get(&["apps", name])).await
    }

    /// Deletes an app, or shows what that would take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_app(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["apps", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// An app's environment variables.
    ///
    /// # Errors
    /// As of every call.
    pub async fn env(&self, name: &str) -> Result<Env, ClientError> {
        self.call(self.get(&["apps", name, "env"])).await
    }

    /// What became of an app's requests in the last hour.
    ///
    /// # Errors
    /// As of every call.
    pub async fn app_metrics(&self, name: &str) -> Result<AppMetrics, ClientError> {
        self.call(self.get(&["apps", name, "metrics"])).await
    }

    /// An app's droplets.
    ///
    /// # Errors
    /// As of every call.
    pub async fn droplets(&self, name: &str) -> Result<Page<Droplet>, ClientError> {
        self.list(&["apps", name, "droplets"]).await
    }

    /// Pushes a package whose blocks are uploaded.
    ///
    /// # Errors
    /// As of every call; `blocks-missing` if some are not.
    pub async fn push(&self, name: &str, push: &Push) -> Result<Job, ClientError> {
        self.call(self.post(&["apps", name, "pushes"], push)).await
    }

    /// Changes an app.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_app(&self, name: &str, change: Change<'_>) -> Result<Job, ClientError> {
        self.call(self.app_request(name, change)).await
    }

    /// Shows what a change would do, and changes nothing.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_app(&self, name: &str, change: Change<'_>) -> Result<Plan, ClientError> {
        let request = self.app_request(name, change);
        self.call(request.query(&[("dry_run", true)])).await
    }

    fn app_request(&self, name: &str, change: Change<'_>) -> RequestBuilder {
        match change {
            Change::Scale(to) => self.request(Method::PATCH, &["apps", name]).json(to),
            Change::Env(to) => self.request(Method::PATCH, &["apps", name, "env"]).json(to),
            Change::RollBack(to) => self.post(&["apps", name, "rollback"], to),
            Change::Act(action) => {
                let path = ["apps", name, "actions", action.segment()];
                self.request(Method::POST, &path)
            }
        }
    }
}
