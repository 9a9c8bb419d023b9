//! `/api/v1/users`, `/api/v1/self` and `/api/v1/mail`

use muster_api::{
    id::SessionId,
    page::Page,
    plan::Plan,
    sessions::Session,
    sign_ups::{MailTest, MailTestReply},
    users::{
        Activation, CreatedUser, EndedSessions, NewUser, PasswordChange, Profile, User, UserChange,
        UserQuery,
    },
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// Users by name.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn users(&self, query: &UserQuery) -> Result<Page<User>, ClientError> {
        let mut filter = Vec::new();
        if let Some(state) = query.state {
            filter.push(("state", state.word().to_owned()));
        }
        if let Some(kind) = query.kind {
            filter.push(("type", kind.word().to_owned()));
        }
        self.list_where(&["users"], &filter).await
    }

    /// One user.
    ///
    /// # Errors
    /// As of every call.
    pub async fn user(&self, name: &str) -> Result<User, ClientError> {
        self.call(self.get(&["users", name])).await
    }

    /// Makes a user.
    ///
    /// # Errors
    /// As of every call.
    pub async fn create_user(&self, new: &NewUser) -> Result<CreatedUser, ClientError> {
        self.call(self.post(&["users"], new)).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_user(&self, name: &str, change: &UserChange) -> Result<User, ClientError> {
        let request = self.request(Method::PATCH, &["users", name]);
        self.call(request.json(change)).await
    }

    /// Lets a user in.
    ///
    /// # Errors
    /// As of every call.
    pub async fn activate_user(&self, name: &str) -> Result<User, ClientError> {
        let path = ["users", name, "actions", "activate"];
        self.call(self.request(Method::POST, &path)).await
    }

    /// Sends a user another link.
    ///
    /// # Errors
    /// As of every call.
    pub async fn send_activation(&self, name: &str) -> Result<Activation, ClientError> {
        let path = ["users", name, "actions", "send-activation"];
        self.call(self.request(Method::POST, &path)).await
    }

    /// Shuts a user out.
    ///
    /// # Errors
    /// As of every call.
    pub async fn suspend_user(&self, name: &str) -> Result<User, ClientError> {
        let path = ["users", name, "actions", "suspend"];
        self.call(self.request(Method::POST, &path)).await
    }

    /// What shutting a user out would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_suspension(&self, name: &str) -> Result<Plan, ClientError> {
        let path = ["users", name, "actions", "suspend"];
        let request = self.request(Method::POST, &path);
        self.call(request.query(&[("dry_run", true)])).await
    }

    /// Deletes a user, or shows what that would take along.
    ///
    /// # Errors
    /// As of every call.
    pub async fn delete_user(&self, name: &str, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::DELETE, &["users", name]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }

    /// The sessions of a user; one's own unless told.
    ///
    /// # Errors
    /// As of every call.
    pub async fn sessions(&self, user: Option<&str>) -> Result<Page<Session>, ClientError> {
        match user {
            Some(user) => self.list(&["users", user, "sessions"]).await,
            None => self.list(&["self", "sessions"]).await,
        }
    }

    /// Ends one of one's own sessions.
    ///
    /// # Errors
    /// As of every call.
    pub async fn end_session(&self, id: SessionId) -> Result<(), ClientError> {
        let id = id.to_string();
        self.send(self.request(Method::DELETE, &["self", "sessions", &id]))
            .await?;
        Ok(())
    }

    /// Ends all sessions of a user.
    ///
    /// # Errors
    /// As of every call.
    pub async fn end_sessions(&self, user: &str) -> Result<EndedSessions, ClientError> {
        let request = self.request(Method::DELETE, &["users", user, "sessions"]);
        self.call(request).await
    }

    /// What ending a session, or all of a user's, would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_session_end(
        &self,
        which: Result<SessionId, &str>,
    ) -> Result<Plan, ClientError> {
        let request = match which {
            Ok(id) => self.request(Method::DELETE, &["self", "sessions", &id.to_string()]),
            Err(user) => self.request(Method::DELETE, &["users", user, "sessions"]),
        };
        self.call(request.query(&[("dry_run", true)])).await
    }

    /// Who asks, and what they may do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn profile(&self) -> Result<Profile, ClientError> {
        self.call(self.get(&["self"])).await
    }

    /// Changes the password of whoever asks.
    ///
    /// # Errors
    /// As of every call.
    pub async fn change_password(&self, change: &PasswordChange) -> Result<(), ClientError> {
        let request = self.request(Method::PUT, &["self", "password"]);
        self.send(request.json(change)).await?;
        Ok(())
    }

    /// Has a mail sent at once.
    ///
    /// # Errors
    /// As of every call.
    pub async fn test_mail(&self, to: &str) -> Result<MailTestReply, ClientError> {
        let test = MailTest { to: to.to_owned() };
        self.call(self.post(&["mail", "test"], &test)).await
    }
}
