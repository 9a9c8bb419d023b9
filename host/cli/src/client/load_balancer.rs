//! `/api/v1/load-balancer`

use muster_api::load_balancer::LoadBalancerStatus;

use super::{Client, ClientError};

impl Client {
    /// The host's load balancer.
    ///
    /// # Errors
    /// As of every call.
    pub async fn load_balancer(&self) -> Result<LoadBalancerStatus, ClientError> {
        self.call(self.get(&["load-balancer"])).await
    }
}
