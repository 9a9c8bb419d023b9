//! `/api/v1/projects`, and apps that go from one to another

use muster_api::{
    page::Page,
    plan::Plan,
    projects::{Member, MemberChange, MemberRole, Move, NewProject, Project, ProjectChange},
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// The projects that may be seen or joined.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn projects(&self) -> Result<Page<Project>, ClientError> {
        self.list(&["projects"]).await
    }

    /// One project.
    ///
    /// # Errors
    /// As of every call.
    pub async fn project(&self, name: &str) -> Result<Project, ClientError> {
        self.call(self.get(&["projects", name])).await
    }

    /// Makes a project.
    ///
    /// # Errors
    /// As of every call.
    pub async fn create_project(&self, new: &NewProject) -> Result<Project, ClientError> {
        self.call(self.post(&["projects"], new)).await
    }

    /// Changes a project.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_project(
        &self,
        name: &str,
        change: &ProjectChange,
    ) -> Result<Project, ClientError> {
        let request = self.request(Method::PATCH, &["projects", name]);
        self.call(request.json(change)).await
    }

    /// Deletes a project, or shows what that would take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_project(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["projects", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Suspends, resumes or terminates a project, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn end_project(
        &self,
        name: &str,
        action: &str,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::POST, &["projects", name, "actions", action]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Joins a project, or asks to be let in.
    ///
    /// # Errors
    /// As of every call.
    pub async fn join_project(&self, name: &str) -> Result<Project, ClientError> {
        self.call(self.request(Method::POST, &["projects", name, "actions", "join"]))
            .await
    }

    /// Leaves a project, or asks to be let out.
    ///
    /// # Errors
    /// As of every call.
    pub async fn leave_project(&self, name: &str) -> Result<Project, ClientError> {
        self.call(self.request(Method::POST, &["projects", name, "actions", "leave"]))
            .await
    }

    /// What leaving a project would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_leaving(&self, name: &str) -> Result<Plan, ClientError> {
        let request = self.request(Method::POST, &["projects", name, "actions", "leave"]);
        self.call(request.query(&[("dry_run", true)])).await
    }

    /// Who is in a project.
    ///
    /// # Errors
    /// As of every call.
    pub async fn members(&self, project: &str) -> Result<Page<Member>, ClientError> {
        self.list(&["projects", project, "members"]).await
    }

    /// As what somebody is in a project.
    ///
    /// # Errors
    /// As of every call.
    pub async fn member(&self, project: &str, user: &str) -> Result<Member, ClientError> {
        self.call(self.get(&["projects", project, "members", user]))
            .await
    }

    /// What putting somebody into a project would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_member(
        &self,
        project: &str,
        user: &str,
        role: MemberRole,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::PUT, &["projects", project, "members", user]);
        let request = request.query(&[("dry_run", true)]);
        self.call(request.json(&MemberChange { role })).await
    }

    /// Puts somebody into a project, or changes as what they are in it.
    ///
    /// # Errors
    /// As of every call.
    pub async fn put_member(
        &self,
        project: &str,
        user: &str,
        role: MemberRole,
    ) -> Result<Member, ClientError> {
        let request = self.request(Method::PUT, &["projects", project, "members", user]);
        self.call(request.json(&MemberChange { role })).await
    }

    /// Takes somebody out of a project, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn remove_member(
        &self,
        project: &str,
        user: &str,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["projects", project, "members", user]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// Accepts or refuses what somebody asked for.
    ///
    /// # Errors
    /// As of every call.
    pub async fn decide_member(
        &self,
        project: &str,
        user: &str,
        action: &str,
    ) -> Result<Page<Member>, ClientError> {
        let path = ["projects", project, "members", user, "actions", action];
        self.call(self.request(Method::POST, &path)).await
    }

    /// Moves an app into another project, or shows what that would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn move_app(
        &self,
        app: &str,
        project: &str,
        dry_run: bool,
    ) -> Result<Plan, ClientError> {
        let to = Move {
            project: project.to_owned(),
        };
        let request = self.post(&["apps", app, "actions", "move"], &to);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
