//! `/api/v1/info` and `/api/v1/status`

use muster_api::status::{Info, InfoChange, Status};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// What the host is.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn info(&self) -> Result<Info, ClientError> {
        self.call(self.get(&["info"])).await
    }

    /// How the host is.
    ///
    /// # Errors
    /// As of every call.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.call(self.get(&["status"])).await
    }

    /// Changes what the host is called, or where it is about to move.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_info(&self, change: &InfoChange) -> Result<Info, ClientError> {
        let request = self.request(Method::PATCH, &["info"]);
        self.call(request.json(change)).await
    }
}
