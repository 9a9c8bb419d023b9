//! `/api/v1/link`, `/api/v1/link-tokens`, `/api/v1/hosts`

use muster_api::{
    hosts::LinkedHost,
    links::{Join, Leave, Link, LinkToken, LinkTokenSecret, NewLinkToken},
    page::Page,
    plan::Plan,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// How the host is linked.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn link(&self) -> Result<Link, ClientError> {
        self.call(self.get(&["link"])).await
    }

    /// Links the host with a token of another one.
    ///
    /// # Errors
    /// As of every call.
    pub async fn join(&self, join: &Join) -> Result<Link, ClientError> {
        self.call(self.post(&["link", "actions", "join"], join))
            .await
    }

    /// Takes the host out of its group.
    ///
    /// # Errors
    /// As of every call.
    pub async fn leave(&self, leave: &Leave) -> Result<Link, ClientError> {
        self.call(self.post(&["link", "actions", "leave"], leave))
            .await
    }

    /// Ends the host's being a leader, or shows what that would end.
    ///
    /// # Errors
    /// As of every call.
    pub async fn stop_leading(&self, dry_run: bool) -> Result<Plan, ClientError> {
        let path = ["link", "actions", "stop-leading"];
        let request = self.request(Method::POST, &path);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Makes a link token.
    ///
    /// # Errors
    /// As of every call.
    pub async fn link_token(&self, new: &NewLinkToken) -> Result<LinkTokenSecret, ClientError> {
        self.call(self.post(&["link-tokens"], new)).await
    }

    /// The link tokens, newest first.
    ///
    /// # Errors
    /// As of every call.
    pub async fn link_tokens(&self) -> Result<Page<LinkToken>, ClientError> {
        self.list(&["link-tokens"]).await
    }

    /// Withdraws a link token, or shows what that would end.
    ///
    /// # Errors
    /// As of every call.
    pub async fn withdraw(&self, token: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["link-tokens", token]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// The hosts of the group.
    ///
    /// # Errors
    /// As of every call.
    pub async fn hosts(&self) -> Result<Page<LinkedHost>, ClientError> {
        self.list(&["hosts"]).await
    }

    /// One host of the group.
    ///
    /// # Errors
    /// As of every call.
    pub async fn host(&self, name: &str) -> Result<LinkedHost, ClientError> {
        self.call(self.get(&["hosts", name])).await
    }

    /// Has a host drained, or shows what would move.
    ///
    /// # Errors
    /// As of every call.
    pub async fn drain_host(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::POST, &["hosts", name, "actions", "drain"]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Lets a host have instances again.
    ///
    /// # Errors
    /// As of every call.
    pub async fn resume_host(&self, name: &str) -> Result<Plan, ClientError> {
        let request = self.request(Method::POST, &["hosts", name, "actions", "resume"]);
        self.call(request).await
    }

    /// Takes a host out of the group, or shows what that would take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn remove_host(
        &self,
        name: &str,
        force: bool,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["hosts", name]);
        let query = [("force", force), ("dry_run", dry_run)];
        self.call(request.query(&query)).await
    }
}
