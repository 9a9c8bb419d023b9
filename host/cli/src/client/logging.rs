//! `/api/v1/logging`

use muster_api::logging::{LoggingChange, LoggingState};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// How the host logs.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn logging(&self) -> Result<LoggingState, ClientError> {
        self.call(self.get(&["logging"])).await
    }

    /// Changes how the host logs, or shows what would come of it.
    ///
    /// # Errors
    /// As of every call.
    pub async fn put_logging(
        &self,
        change: &LoggingChange,
        dry_run: bool,
    ) -> Result<LoggingState, ClientError> {
        let request = self.request(Method::PUT, &["logging"]).json(change);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Has the host log as it was told when it was started.
    ///
    /// # Errors
    /// As of every call.
    pub async fn reset_logging(&self) -> Result<LoggingState, ClientError> {
        self.call(self.request(Method::DELETE, &["logging"])).await
    }
}
