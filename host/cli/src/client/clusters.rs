//! `/api/v1/clusters`

use muster_api::{
    clusters::{Cluster, NewCluster, ScaleCluster, UpgradeCluster},
    jobs::Job,
    page::Page,
    plan::Plan,
};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::{Client, ClientError};

/// A change of a cluster, to be shown as a plan or made.
pub struct ClusterChange(RequestBuilder);

impl Client {
    /// All clusters.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn clusters(&self) -> Result<Page<Cluster>, ClientError> {
        self.list(&["clusters"]).await
    }

    /// One cluster.
    ///
    /// # Errors
    /// As of every call.
    pub async fn cluster(&self, name: &str) -> Result<Cluster, ClientError> {
        self.call(self.get(&["clusters", name])).await
    }

    /// A new cluster.
    pub fn create_cluster(&self, new: &NewCluster) -> ClusterChange {
        ClusterChange(self.request(Method::POST, &["clusters"]).json(new))
    }

    /// Other hosts for a cluster.
    pub fn scale_cluster(&self, name: &str, scale: &ScaleCluster) -> ClusterChange {
        ClusterChange(self.request(Method::PATCH, &["clusters", name]).json(scale))
    }

    /// Another version of Muster for the hosts of a cluster.
    pub fn upgrade_cluster(&self, name: &str, upgrade: &UpgradeCluster) -> ClusterChange {
        let path = ["clusters", name, "actions", "upgrade"];
        ClusterChange(self.request(Method::POST, &path).json(upgrade))
    }

    /// The end of a cluster.
    pub fn delete_cluster(&self, name: &str) -> ClusterChange {
        ClusterChange(self.request(Method::DELETE, &["clusters", name]))
    }

    /// What a change would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_cluster(&self, change: ClusterChange) -> Result<Plan, ClientError> {
        self.sent(change, true).await
    }

    /// Makes a change, which takes a while.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_cluster(&self, change: ClusterChange) -> Result<Job, ClientError> {
        self.sent(change, false).await
    }

    async fn sent<T: DeserializeOwned>(
        &self,
        ClusterChange(request): ClusterChange,
        dry_run: bool,
    ) -> Result<T, ClientError> {
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
