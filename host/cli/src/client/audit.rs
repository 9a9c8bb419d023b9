//! `/api/v1/audit`

use std::time::Duration;

use muster_api::{
    audit::{AuditFilter, AuditHead, AuditRecord, AuditVerification},
    page::Page,
};
use reqwest::Response;

use super::{Client, ClientError, PAGE};

/// How long a whole log may take to be read.
const FOR_ALL: Duration = Duration::from_secs(3600);

impl Client {
    /// The newest entries that match, so many at most.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        count: usize,
    ) -> Result<Page<AuditRecord>, ClientError> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let request = self.get(&["audit"]).query(filter);
            let request = request.query(&[("limit", Some(PAGE)), ("cursor", cursor.as_deref())]);
            let page: Page<AuditRecord> = self.call(request).await?;
            items.extend(page.items);
            if items.len() >= count || page.next.is_none() {
                items.truncate(count);
                return Ok(Page { items, next: None });
            }
            cursor = page.next;
        }
    }

    /// Everything that matches, oldest first, an object a line.
    ///
    /// # Errors
    /// As of every call.
    pub async fn export_audit(&self, filter: &AuditFilter) -> Result<Response, ClientError> {
        let request = self.get(&["audit", "export"]).query(filter);
        self.send(request.timeout(FOR_ALL)).await
    }

    /// Whether the log is what was written.
    ///
    /// # Errors
    /// As of every call.
    pub async fn verify_audit(
        &self,
        noted: Option<&AuditHead>,
    ) -> Result<AuditVerification, ClientError> {
        let noted = noted.map(ToString::to_string);
        let request = self.get(&["audit", "verification"]);
        let request = request.query(&[("head", noted)]).timeout(FOR_ALL);
        self.call(request).await
    }
}
