//! `/api/v1/permissions`, `/api/v1/access-roles` and `/api/v1/access-bindings`

use muster_api::{
    access::{
        AccessBinding, AccessRole, AccessRoleChange, NewAccessBinding, NewAccessRole,
        PermissionEntry,
    },
    id::BindingId,
    page::Page,
    plan::Plan,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// All permissions.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn permissions(&self) -> Result<Page<PermissionEntry>, ClientError> {
        self.call(self.get(&["permissions"])).await
    }

    /// All access roles.
    ///
    /// # Errors
    /// As of every call.
    pub async fn access_roles(&self) -> Result<Page<AccessRole>, ClientError> {
        self.call(self.get(&["access-roles"])).await
    }

    /// One access role.
    ///
    /// # Errors
    /// As of every call.
    pub async fn access_role(&self, name: &str) -> Result<AccessRole, ClientError> {
        self.call(self.get(&["access-roles", name])).await
    }

    /// Makes an access role.
    ///
    /// # Errors
    /// As of every call.
    pub async fn create_access_role(&self, new: &NewAccessRole) -> Result<AccessRole, ClientError> {
        self.call(self.post(&["access-roles"], new)).await
    }

    /// Changes an access role.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_access_role(
        &self,
        name: &str,
        change: &AccessRoleChange,
    ) -> Result<AccessRole, ClientError> {
        let request = self.request(Method::PATCH, &["access-roles", name]);
        self.call(request.json(change)).await
    }

    /// Deletes an access role, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_access_role(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["access-roles", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Who has which access role where.
    ///
    /// # Errors
    /// As of every call.
    pub async fn access_bindings(
        &self,
        user: Option<&str>,
        project: Option<&str>,
    ) -> Result<Page<AccessBinding>, ClientError> {
        let request = self.get(&["access-bindings"]);
        let request = request.query(&[("user", user)]);
        self.call(request.query(&[("project", project)])).await
    }

    /// Gives somebody an access role.
    ///
    /// # Errors
    /// As of every call.
    pub async fn create_access_binding(
        &self,
        new: &NewAccessBinding,
    ) -> Result<AccessBinding, ClientError> {
        self.call(self.post(&["access-bindings"], new)).await
    }

    /// Takes an access role from somebody, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_access_binding(
        &self,
        id: BindingId,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["access-bindings", &id.to_string()]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
