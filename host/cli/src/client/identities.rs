//! `/api/v1/self/identities`

use super::{Client, ClientError};
use muster_api::{
    factors::Proof,
    identities::{Identity, IdentityLink, NewIdentity},
    page::Page,
};

impl Client {
    /// The sign-in methods that are tied to one's account.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn identities(&self) -> Result<Page<Identity>, ClientError> {
        self.call(self.get(&["self", "identities"])).await
    }

    /// Ties a method to one's account, or gives the address that does.
    ///
    /// # Errors
    /// As of every call.
    pub async fn add_identity(&self, new: &NewIdentity) -> Result<IdentityLink, ClientError> {
        self.call(self.post_once(&["self", "identities"], new))
            .await
    }

    /// Unties a method from one's account.
    ///
    /// # Errors
    /// As of every call.
    pub async fn remove_identity(&self, method: &str, proof: &Proof) -> Result<(), ClientError> {
        let path = ["self", "identities", method, "actions", "remove"];
        self.send(self.post_once(&path, proof)).await?;
        Ok(())
    }
}
