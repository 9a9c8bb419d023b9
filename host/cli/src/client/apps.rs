//! `/api/v1/apps`

use muster_api::{
    apps::{App, AppChange, AppDetail, Env, EnvChange, Rollback},
    droplets::Droplet,
    jobs::Job,
    page::Page,
    plan::Plan,
    pushes::Push,
};
use reqwest::Method;

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

    /// Scales an app.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_app(&self, name: &str, change: &AppChange) -> Result<Job, ClientError> {
        self.call(self.request(Method::PATCH, &["apps", name]).json(change))
            .await
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

    /// Sets and removes environment variables.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_env(&self, name: &str, change: &EnvChange) -> Result<Job, ClientError> {
        self.call(
            self.request(Method::PATCH, &["apps", name, "env"])
                .json(change),
        )
        .await
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

    /// Starts, stops or restarts an app.
    ///
    /// # Errors
    /// As of every call.
    pub async fn act_on_app(&self, name: &str, action: AppAction) -> Result<Job, ClientError> {
        let path = ["apps", name, "actions", action.segment()];
        self.call(self.request(Method::POST, &path)).await
    }

    /// Returns to a kept droplet.
    ///
    /// # Errors
    /// As of every call.
    pub async fn roll_back(&self, name: &str, rollback: &Rollback) -> Result<Job, ClientError> {
        self.call(self.post(&["apps", name, "rollback"], rollback))
            .await
    }
}
