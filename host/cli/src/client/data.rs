//! `/api/v1/data`

use muster_api::{
    blocks::Digest,
    data::{DataImport, ExportedData, ImportPlan},
};

use super::{Client, ClientError};

impl Client {
    /// Apps of these names with all that belongs to them, or all.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn export_data(&self, apps: &[String]) -> Result<ExportedData, ClientError> {
        let request = self.get(&["data"]);
        let named = (!apps.is_empty()).then(|| ("apps", apps.join(",")));
        let query: Vec<_> = named.into_iter().collect();
        self.call(request.query(&query)).await
    }

    /// Imports apps, or says what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn import_data(
        &self,
        what: &DataImport,
        dry_run: bool,
    ) -> Result<ImportPlan, ClientError> {
        let request = self.post(&["data"], what);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// The bytes of a block.
    ///
    /// # Errors
    /// As of every call.
    pub async fn block(&self, digest: &Digest) -> Result<Vec<u8>, ClientError> {
        let answer = self.send(self.get(&["blocks", digest.as_str()])).await?;
        let bytes = answer.bytes().await;
        Ok(bytes.map_err(|_| ClientError::Interrupted)?.to_vec())
    }
}
