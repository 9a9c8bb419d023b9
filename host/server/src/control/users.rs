//! Users: who there is, and where they stand.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use muster_api::{
    id::{ProjectId, UserId},
    page::{Page, PageQuery},
    projects::{MemberRole, MemberState},
    users::{PasswordChange, Profile, ProjectRights, User, UserType},
};
use muster_store::{ChangeKind, MemberRecord, ProjectRecord, Store, Tx, UserFilter, UserRecord};
use uuid::Uuid;

use super::{
    accounts::find,
    error::ControlError,
    factors::Factors,
    passwords::Passwords,
    record::{Actor, Change, record, value},
    views::page_limit,
};

/// The users of this Muster.
#[derive(Clone)]
pub(crate) struct Users {
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) factors: Factors,
}

impl Users {
    /// Makes the first user, unless there is one. A password that is made up
    /// here is told before it counts: a host that is cut off in between makes
    /// up another one at its next start.
    pub(crate) async fn ensure_admin(
        &self,
        password: Option<String>,
        tell: impl FnOnce(&str),
    ) -> Result<(), ControlError> {
        if self.store.user_count().await? > 0 {
            return Ok(());
        }
        let password = password.unwrap_or_else(|| {
            let made_up = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>());
            tell(&made_up);
            made_up
        });
        let user = UserRecord::new(UserId(Uuid::now_v7()), "admin", UserType::Admin);
        let hash = self.passwords.hash(&password).await?;
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    insert(tx, &user).await?;
                    tx.password_put(user.id, &hash, user.created_at).await
                })
            })
            .await?;
        Ok(())
    }

    /// One page of users, by name.
    pub(crate) async fn list(
        &self,
        filter: &UserFilter,
        query: &PageQuery,
    ) -> Result<Page<User>, ControlError> {
        let limit = page_limit(query)?;
        let found = self
            .store
            .user_list(filter, query.cursor.as_deref(), limit)
            .await?;
        Ok(Page {
            items: found.items.into_iter().map(view).collect(),
            next: found.next,
        })
    }

    /// One user, by name or id.
    pub(crate) async fn show(&self, name: &str) -> Result<(UserRecord, User), ControlError> {
        let user = find(&self.store, name).await?;
        Ok((user.clone(), view(user)))
    }

    /// Who somebody is and what they may do.
    pub(crate) async fn profile(
        &self,
        actor: &Actor,
        user: UserId,
    ) -> Result<Profile, ControlError> {
        let found = self.store.user_by_id(user).await?;
        let user = found.ok_or_else(|| ControlError::not_found("user", &actor.name))?;
        let mut projects = Vec::new();
        for (id, set) in actor.rights.projects() {
            if let Some(project) = self.store.project_get(*id).await? {
                projects.push(ProjectRights {
                    project: project.name,
                    permissions: set.iter().collect(),
                });
            }
        }
        Ok(Profile {
            user: view(user),
            permissions: actor.rights.global().iter().collect(),
            projects,
        })
    }

    /// Changes the password of whoever asks. A wrong current one counts as a
    /// failed sign-in: whoever has only the session must not guess. Their other sessions end: whoever
    /// knew the old password is out.
    pub(crate) async fn change_password(
        &self,
        actor: &Actor,
        change: PasswordChange,
    ) -> Result<(), ControlError> {
        let id = actor
            .user
            .ok_or_else(|| ControlError::invalid("current", "only a user has a password"))?;
        let hash = self.store.password_hash(id).await?;
        if hash.is_none() {
            let why = "you have no password; you sign in otherwise";
            return Err(ControlError::invalid("current", why));
        }
        self.factors
            .prove_by_password(id, "current", &change.current)
            .await?;
        let user = self.store.user_by_id(id).await?;
        let user = user.ok_or_else(|| ControlError::not_found("user", &actor.name))?;
        let hash = self.passwords.accept("new", &change.new, &user).await?;
        let actor = actor.clone();
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    tx.password_put(id, &hash, muster_store::now()).await?;
                    tx.session_end_all(id, actor.session).await?;
                    let change = change_of(&user, "change-password", ChangeKind::Updated);
                    record(tx, &actor, change).await?;
                    Ok(())
                })
            })
            .await
    }
}

/// Adds a user with a project of their own.
pub(crate) async fn insert(tx: &Tx, user: &UserRecord) -> Result<(), muster_store::StoreError> {
    tx.user_insert(user).await?;
    settle(tx, user).await
}

/// Gives an active user the project of their own, unless they have it. It has
/// their name, with a number if another project has that.
pub(crate) async fn settle(tx: &Tx, user: &UserRecord) -> Result<(), muster_store::StoreError> {
    if tx.project_get(ProjectId(user.id.0)).await?.is_some() {
        return Ok(());
    }
    let (mut name, mut number) = (user.name.clone(), 1_u32);
    while tx.project_by_name(&name).await?.is_some() {
        number += 1;
        name = format!("{}-{number}", user.name);
    }
    let project = ProjectRecord::personal(user.id, &name);
    tx.project_insert(&project).await?;
    tx.member_put(&MemberRecord {
        project: project.id,
        user: user.id,
        role: MemberRole::Owner,
        state: MemberState::Member,
        created_at: project.created_at,
    })
    .await
}

/// A user as the API shows them.
pub(crate) fn view(user: UserRecord) -> User {
    User {
        id: user.id,
        name: user.name,
        display_name: user.display_name,
        email: user.email,
        email_verified: user.email_verified_at.is_some(),
        kind: user.kind,
        state: user.state,
        created_at: user.created_at,
        last_login_at: user.last_login_at,
    }
}

/// A change of a user, for the logs.
pub(crate) fn change_of<'a>(
    user: &'a UserRecord,
    verb: &'static str,
    kind: ChangeKind,
) -> Change<'a> {
    Change {
        resource: "user",
        project: None,
        id: user.id.to_string(),
        name: &user.name,
        verb,
        kind,
        before: None,
        after: value(&view(user.clone())),
    }
}

/// A user name that is like another text: a DNS label, because the personal
/// project bears it too.
pub(crate) fn name_like(text: &str) -> String {
    let text = text.split('@').next().unwrap_or_default().to_lowercase();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = text.chars().map(plain).take(40).collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.to_owned()
    } else {
        format!("user-{name}").trim_end_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::name_like;

    #[test]
    fn names_are_labels() {
        for (text, name) in [
            ("Ada.Lovelace@example.org", "ada-lovelace"),
            ("42", "user-42"),
            ("", "user"),
            ("-x-", "x"),
            ("Åsa", "sa"),
        ] {
            assert_eq!(name_like(text), name, "{text}");
        }
    }
}
