//! `/api/v1/self/keys` and `/api/v1/keys`

use muster_api::{
    keys::{AccessKey, KeyRotation, KeyWithSecret, NewKey},
    page::Page,
    plan::Plan,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// The keys of whoever asks.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn own_keys(&self) -> Result<Page<AccessKey>, ClientError> {
        self.list(&["self", "keys"]).await
    }

    /// Everybody's keys, or one user's.
    ///
    /// # Errors
    /// As of every call.
    pub async fn keys(&self, user: Option<&str>) -> Result<Page<AccessKey>, ClientError> {
        match user {
            Some(user) => {
                self.list_where(&["keys"], &[("user", user.to_owned())])
                    .await
            }
            None => self.list(&["keys"]).await,
        }
    }

    /// Makes a key.
    ///
    /// # Errors
    /// As of every call.
    pub async fn create_key(&self, new: &NewKey) -> Result<KeyWithSecret, ClientError> {
        self.call(self.post(&["self", "keys"], new)).await
    }

    /// A key: one's own, else anybody's.
    ///
    /// # Errors
    /// As of every call.
    pub async fn key(&self, id: &str) -> Result<AccessKey, ClientError> {
        Ok(self.find_key(id).await?.0)
    }

    /// Gives a key a new secret.
    ///
    /// # Errors
    /// As of every call.
    pub async fn rotate_key(
        &self,
        id: &str,
        how: &KeyRotation,
    ) -> Result<KeyWithSecret, ClientError> {
        let (_, place) = self.find_key(id).await?;
        let path = [place, &["keys", id, "actions", "rotate"]].concat();
        self.call(self.post(&path, how)).await
    }

    /// Puts an end to a key, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn revoke_key(&self, id: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let (_, place) = self.find_key(id).await?;
        let request = self.request(Method::DELETE, &[place, &["keys", id]].concat());
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// A key, and below which path it is: among one's own, or among everybody's.
    async fn find_key(
        &self,
        id: &str,
    ) -> Result<(AccessKey, &'static [&'static str]), ClientError> {
        const OWN: &[&str] = &["self"];
        const EVERYBODYS: &[&str] = &[];
        let missing = match self.call(self.get(&["self", "keys", id])).await {
            Ok(key) => return Ok((key, OWN)),
            // Nothing of one's own, or seen by an access key that is another.
            Err(error)
                if ["key-not-found", "another-key", "no-user"]
                    .iter()
                    .any(|code| error.has_code(code)) =>
            {
                error
            }
            Err(error) => return Err(error),
        };
        match self.call(self.get(&["keys", id])).await {
            Ok(key) => Ok((key, EVERYBODYS)),
            // Whoever may not see the keys of others asked for one of their own.
            Err(error) if error.has_code("forbidden") => Err(missing),
            Err(error) => Err(error),
        }
    }
}
