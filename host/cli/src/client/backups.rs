//! `/api/v1/backups`

use muster_api::{
    backups::{Backup, NewBackup},
    jobs::Job,
    page::Page,
    plan::Plan,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// The backups where the host's go.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn backups(&self) -> Result<Page<Backup>, ClientError> {
        self.call(self.get(&["backups"])).await
    }

    /// One of them.
    ///
    /// # Errors
    /// As of every call.
    pub async fn backup(&self, name: &str) -> Result<Backup, ClientError> {
        self.call(self.get(&["backups", name])).await
    }

    /// Makes a backup.
    ///
    /// # Errors
    /// As of every call.
    pub async fn create_backup(&self, how: &NewBackup) -> Result<Job, ClientError> {
        self.call(self.post(&["backups"], how)).await
    }

    /// Reads a backup to its end.
    ///
    /// # Errors
    /// As of every call.
    pub async fn verify_backup(&self, name: &str) -> Result<Job, ClientError> {
        let path = ["backups", name, "actions", "verify"];
        self.call(self.request(Method::POST, &path)).await
    }

    /// Removes a backup, or says what that removes.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_backup(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["backups", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
