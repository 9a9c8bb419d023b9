//! Accounts: what admins do to users. Nobody makes anybody who may do more than
//! they may themselves, nor changes such a one.

mod guards;

pub(crate) use self::guards::require_user;
use self::guards::{display_name, email, keep_an_admin, require_type};
pub(crate) use self::guards::{find, require_all};
use muster_api::{
    id::{ProjectId, UserId},
    plan::Plan,
    users::{Activation, CreatedUser, NewUser, User, UserChange, UserState, check_name},
};
use muster_identity::mail::Occasion;
use muster_store::{ChangeKind, Store, Tx, UserRecord};
use uuid::Uuid;

use super::{
    error::ControlError,
    links::{self, Link},
    passwords::Passwords,
    post::Post,
    record::{Actor, record},
    terms::{Outcome, Terms},
    user_states::{UserAction, next},
    users::{change_of, settle, view},
    views::counted,
};

/// The accounts of this Muster.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) store: Store,
    pub(crate) post: Post,
    pub(crate) passwords: Passwords,
}

impl Accounts {
    /// Makes a user. Without a password they are not verified until they set
    /// one by the link that they get.
    pub(crate) async fn create(
        &self,
        actor: &Actor,
        new: NewUser,
    ) -> Result<CreatedUser, ControlError> {
        check_name(&new.name).map_err(|message| ControlError::invalid("name", message))?;
        display_name(&new.display_name)?;
        let email = new.email.as_deref().map(email).transpose()?;
        require_type(actor, new.kind)?;
        let mut user = UserRecord::new(UserId(Uuid::now_v7()), new.name, new.kind);
        user.display_name = new.display_name;
        user.email = email;
        let hash = match &new.password {
            Some(password) => Some(self.passwords.accept("password", password, &user).await?),
            None => None,
        };
        if hash.is_none() {
            user.state = UserState::Unverified;
        }
        let (this, actor) = (self.clone(), actor.clone());
        let created = self.store.write_or_refuse(move |tx| {
            Box::pin(async move {
                tx.user_insert(&user).await?;
                let activation = match hash {
                    Some(hash) => {
                        tx.password_put(user.id, &hash, user.created_at).await?;
                        settle(tx, &user).await?;
                        None
                    }
                    None => Some(this.hand_over(tx, Link::Activate, &user).await?),
                };
                record(tx, &actor, change_of(&user, "create", ChangeKind::Created)).await?;
                Ok::<_, ControlError>(CreatedUser {
                    user: view(user),
                    activation,
                })
            })
        });
        let created = created.await?;
        self.post.wake();
        Ok(created)
    }

    /// Changes a user.
    pub(crate) async fn change(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        to: UserChange,
    ) -> Result<User, ControlError> {
        if to == UserChange::default() {
            let message = "nothing to change: name one of name, display_name, email, type";
            return Err(ControlError::invalid("name", message));
        }
        if let Some(name) = &to.name {
            check_name(name).map_err(|message| ControlError::invalid("name", message))?;
        }
        display_name(to.display_name.as_deref().unwrap_or_default())?;
        let address = match to.email.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(text) => Some(Some(email(text)?)),
        };
        if let Some(kind) = to.kind {
            require_type(actor, kind)?;
        }
        let (actor, terms, name) = (actor.clone(), terms.clone(), name.to_owned());
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let before = require_user(tx, &actor, &name).await?;
                    terms.check(Some(&before))?;
                    if before.state == UserState::Deleted {
                        next(before.state, UserAction::Activate)?;
                    }
                    let mut user = before.clone();
                    if let Some(kind) = to.kind.filter(|kind| *kind != user.kind) {
                        keep_an_admin(tx, &user).await?;
                        user.kind = kind;
                    }
                    if let Some(email) = address.filter(|email| *email != user.email) {
                        // Links go there from now on: whoever reads them can
                        // do what the user may.
                        require_all(tx, &actor, &user).await?;
                        links::withdraw(tx, &user).await?;
                        user.email = email;
                        user.email_verified_at = None;
                    }
                    user.name = to.name.unwrap_or(user.name);
                    user.display_name = to.display_name.unwrap_or(user.display_name);
                    update(tx, &actor, &before, &mut user, "modify").await?;
                    Ok(view(user))
                })
            })
            .await
    }

    /// Lets a user in: one who waits, or was shut out.
    pub(crate) async fn activate(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<User, ControlError> {
        let (this, actor) = (self.clone(), actor.clone());
        let (terms, name) = (terms.clone(), name.to_owned());
        let user = self.store.write_or_refuse(move |tx| {
            Box::pin(async move {
                let before = require_user(tx, &actor, &name).await?;
                terms.check(Some(&before))?;
                let mut user = before.clone();
                user.state = next(before.state, UserAction::Activate)?;
                settle(tx, &user).await?;
                update(tx, &actor, &before, &mut user, "activate").await?;
                if let (UserState::Pending, Some(email)) = (before.state, &user.email) {
                    let occasion = Occasion::Activated;
                    this.post.put(tx, occasion, email, Some(&user)).await?;
                }
                Ok::<_, ControlError>(view(user))
            })
        });
        let user = user.await?;
        self.post.wake();
        Ok(user)
    }

    /// Makes a new link by which a user sets their password, or verifies their
    /// address if they signed up.
    pub(crate) async fn send_activation(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<Activation, ControlError> {
        let (this, actor, name) = (self.clone(), actor.clone(), name.to_owned());
        let activation = self.store.write_or_refuse(move |tx| {
            Box::pin(async move {
                let user = require_user(tx, &actor, &name).await?;
                next(user.state, UserAction::SendActivation)?;
                let came = user.state == UserState::Unverified && tx.sign_up_is(user.id).await?;
                let link = if came { Link::Verify } else { Link::Activate };
                let activation = this.hand_over(tx, link, &user).await?;
                if activation.link.is_some() {
                    require_all(tx, &actor, &user).await?;
                }
                let change = change_of(&user, "send-activation", ChangeKind::Updated);
                record(tx, &actor, change).await?;
                Ok::<_, ControlError>(activation)
            })
        });
        let activation = activation.await?;
        self.post.wake();
        Ok(activation)
    }

    /// Shuts a user out, at once.
    pub(crate) async fn suspend(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Outcome<User>, ControlError> {
        let (actor, owned, name) = (actor.clone(), terms.clone(), name.to_owned());
        let (user, plan) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let before = require_user(tx, &actor, &name).await?;
                    owned.check(Some(&before))?;
                    let mut user = before.clone();
                    user.state = next(before.state, UserAction::Suspend)?;
                    keep_an_admin(tx, &before).await?;
                    let ended = tx.session_end_all(user.id, None).await?;
                    links::withdraw(tx, &user).await?;
                    update(tx, &actor, &before, &mut user, "suspend").await?;
                    let plan = Plan {
                        removes: vec![counted(ended, "session")],
                        changes: vec![format!(
                            "{} cannot sign in until activated again",
                            user.name
                        )],
                        done: false,
                    };
                    Ok::<_, ControlError>((view(user), plan))
                })
            })
            .await?;
        Ok(terms.outcome(user, plan))
    }

    /// Deletes a user. The id stays for the logs; the name can be used again.
    /// Apps are not taken along: as long as there are any in the user's own
    /// project, the user stays.
    pub(crate) async fn delete(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        let (actor, terms, name) = (actor.clone(), terms.clone(), name.to_owned());
        self.store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let user = require_user(tx, &actor, &name).await?;
                    terms.check(Some(&user))?;
                    let state = next(user.state, UserAction::Delete)?;
                    keep_an_admin(tx, &user).await?;
                    let plan = Plan {
                        removes: what_goes(tx, &user).await?,
                        changes: vec![format!("the name {} can be used again", user.name)],
                        done: !terms.dry_run,
                    };
                    tx.session_end_all(user.id, None).await?;
                    tx.user_strip(user.id).await?;
                    tx.project_delete(ProjectId(user.id.0)).await?;
                    let gone = UserRecord {
                        name: format!("{}~{}", user.name, user.id),
                        email: None,
                        email_verified_at: None,
                        display_name: String::new(),
                        state,
                        updated_at: muster_store::now(),
                        ..user.clone()
                    };
                    tx.user_update(&gone).await?;
                    let mut change = change_of(&user, "delete", ChangeKind::Deleted);
                    change.before = change.after.take();
                    record(tx, &actor, change).await?;
                    Ok(plan)
                })
            })
            .await
    }

    /// Gets a link to a user: by mail, or else by whoever acts.
    async fn hand_over(
        &self,
        tx: &Tx,
        link: Link,
        user: &UserRecord,
    ) -> Result<Activation, ControlError> {
        let expires_in = link.life().whole_seconds().unsigned_abs();
        if let Some(email) = &user.email
            && self.post.is_configured()
        {
            let occasion = match link {
                Link::Verify => Occasion::VerifyEmail,
                Link::Activate | Link::Reset => Occasion::Invitation,
            };
            self.post.put(tx, occasion, email, Some(user)).await?;
            return Ok(Activation {
                sent_to: Some(email.clone()),
                link: None,
                expires_in,
            });
        }
        let site = self.post.site();
        Ok(Activation {
            sent_to: None,
            link: Some(link.make(tx, &site, user, false).await?),
            expires_in,
        })
    }
}

/// What goes with a user, a line each.
///
/// # Errors
/// If something stands in the way.
async fn what_goes(tx: &Tx, user: &UserRecord) -> Result<Vec<String>, ControlError> {
    let own = ProjectId(user.id.0);
    let mut removes = vec![format!("the user {}", user.name)];
    let apps = tx.app_list(Some(&[own]), None, 500).await?.items;
    let routes = tx.route_list(Some(&[own]), None, 500).await?.items;
    if let Some(project) = tx.project_get(own).await? {
        if !apps.is_empty() || !routes.is_empty() {
            let names: Vec<_> = apps.iter().take(10).map(|app| app.name.as_str()).collect();
            return Err(ControlError::Conflict {
                code: "project-not-empty",
                message: format!(
                    "the project {} of {} still has {} and {}: {}",
                    project.name,
                    user.name,
                    counted(apps.len(), "app"),
                    counted(routes.len(), "route"),
                    names.join(", ")
                ),
                remedy: "remove them first with: muster app delete".to_owned(),
            });
        }
        removes.push(format!("the project {}, which is theirs", project.name));
    }
    removes.push(counted(tx.session_list(user.id).await?.len(), "session"));
    removes.push("their password, second factors, keys and links to other sign-ins".to_owned());
    for member in tx.membership_list(user.id).await? {
        if member.project == own {
            continue;
        }
        if let Some(project) = tx.project_get(member.project).await? {
            removes.push(format!("their place in the project {}", project.name));
        }
    }
    Ok(removes)
}

/// Writes a user as they are now, with the traces of it.
pub(crate) async fn update(
    tx: &Tx,
    actor: &Actor,
    before: &UserRecord,
    user: &mut UserRecord,
    verb: &'static str,
) -> Result<(), ControlError> {
    user.updated_at = muster_store::now();
    tx.user_update(user).await?;
    let mut change = change_of(user, verb, ChangeKind::Updated);
    change.before = super::record::value(&view(before.clone()));
    record(tx, actor, change).await?;
    Ok(())
}
