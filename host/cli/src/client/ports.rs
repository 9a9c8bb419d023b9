//! `/api/v1/ports`

use muster_api::ports::{PortRules, Ports, RulesQuery};

use super::{Client, ClientError};

impl Client {
    /// Who listens where on the host.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn ports(&self) -> Result<Ports, ClientError> {
        self.call(self.get(&["ports"])).await
    }

    /// A rule set for the host's packet filter.
    ///
    /// # Errors
    /// As of every call.
    pub async fn port_rules(&self, query: &RulesQuery) -> Result<PortRules, ClientError> {
        self.call(self.get(&["ports", "rules"]).query(query)).await
    }
}
