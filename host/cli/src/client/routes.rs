//! `/api/v1/routes`

use muster_api::{
    id::RouteId,
    page::Page,
    plan::Plan,
    routes::{NewRoute, Route},
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// All routes.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn routes(&self) -> Result<Page<Route>, ClientError> {
        self.list(&["routes"]).await
    }

    /// One route.
    ///
    /// # Errors
    /// As of every call.
    pub async fn route(&self, id: RouteId) -> Result<Route, ClientError> {
        self.call(self.get(&["routes", &id.to_string()])).await
    }

    /// Adds a route, or one more app to a route.
    ///
    /// # Errors
    /// As of every call.
    pub async fn add_route(&self, route: &NewRoute) -> Result<Route, ClientError> {
        self.call(self.post(&["routes"], route)).await
    }

    /// Shows what adding a route would do, and changes nothing.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_route(&self, route: &NewRoute) -> Result<Plan, ClientError> {
        let request = self.post(&["routes"], route);
        self.call(request.query(&[("dry_run", true)])).await
    }

    /// Removes a route, or one app's share of it; or shows what that would
    /// take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_route(
        &self,
        id: RouteId,
        app: Option<&str>,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let mut request = self.request(Method::DELETE, &["routes", &id.to_string()]);
        request = request.query(&[("dry_run", dry_run)]);
        if let Some(app) = app {
            request = request.query(&[("app", app)]);
        }
        self.call(request).await
    }
}
