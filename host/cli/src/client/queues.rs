//! `/api/v1/queues` and `/api/v1/bus`

use muster_api::{
    id::MessageId,
    page::Page,
    plan::Plan,
    queues::{Bus, Message, Queue},
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// How the bus is.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn bus(&self) -> Result<Bus, ClientError> {
        self.call(self.get(&["bus"])).await
    }

    /// All queues.
    ///
    /// # Errors
    /// As of every call.
    pub async fn queues(&self) -> Result<Page<Queue>, ClientError> {
        self.call(self.get(&["queues"])).await
    }

    /// The messages of a queue; only those that were given up, if told.
    ///
    /// # Errors
    /// As of every call.
    pub async fn messages(&self, queue: &str, dead: bool) -> Result<Page<Message>, ClientError> {
        let filter: Vec<_> = dead
            .then(|| ("dead", "true".to_owned()))
            .into_iter()
            .collect();
        self.list_where(&["queues", queue, "messages"], &filter)
            .await
    }

    /// One message.
    ///
    /// # Errors
    /// As of every call.
    pub async fn message(&self, queue: &str, id: MessageId) -> Result<Message, ClientError> {
        let path = ["queues", queue, "messages", &id.to_string()];
        self.call(self.get(&path)).await
    }

    /// Has a message done at once.
    ///
    /// # Errors
    /// As of every call.
    pub async fn retry_message(&self, queue: &str, id: MessageId) -> Result<Message, ClientError> {
        let id = id.to_string();
        let path = ["queues", queue, "messages", &id, "actions", "retry"];
        self.call(self.request(Method::POST, &path)).await
    }

    /// Drops a message, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn drop_message(
        &self,
        queue: &str,
        id: MessageId,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let path = ["queues", queue, "messages", &id.to_string()];
        let request = self.request(Method::DELETE, &path);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
