//! `/api/v1/roles`

use std::time::Duration;

use muster_api::{page::Page, plan::Plan, roles::Role};
use reqwest::{Method, RequestBuilder, header};

use super::{Client, ClientError};

/// How long a plugin may take to be uploaded, compiled and started.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

impl Client {
    /// All roles.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn roles(&self) -> Result<Page<Role>, ClientError> {
        self.list(&["roles"]).await
    }

    /// One role.
    ///
    /// # Errors
    /// As of every call.
    pub async fn role(&self, name: &str) -> Result<Role, ClientError> {
        self.call(self.get(&["roles", name])).await
    }

    /// Gives the host a role with the given component, or with that of a bundle;
    /// with the one that came with the host if there is neither.
    ///
    /// # Errors
    /// As of every call.
    pub async fn put_role(
        &self,
        name: &str,
        component: Vec<u8>,
        bundle: Option<&str>,
    ) -> Result<Role, ClientError> {
        self.call(self.role_request(name, component, bundle)).await
    }

    /// Shows what giving the host a role would do. The component is uploaded and
    /// tried out all the same.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_role(
        &self,
        name: &str,
        component: Vec<u8>,
        bundle: Option<&str>,
    ) -> Result<Plan, ClientError> {
        let request = self.role_request(name, component, bundle);
        self.call(request.query(&[("dry_run", true)])).await
    }

    fn role_request(&self, name: &str, component: Vec<u8>, bundle: Option<&str>) -> RequestBuilder {
        self.request(Method::PUT, &["roles", name])
            .query(&[("bundle", bundle)])
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .timeout(LOAD_TIMEOUT)
            .body(component)
    }

    /// Starts, stops or restarts a role, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn run_role(
        &self,
        name: &str,
        action: &str,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::POST, &["roles", name, "actions", action]);
        let request = request.query(&[("dry_run", dry_run)]);
        self.call(request.timeout(LOAD_TIMEOUT)).await
    }

    /// Takes a role from the host, or shows what that would take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_role(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["roles", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
