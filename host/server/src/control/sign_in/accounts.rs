//! Which account somebody has whom a method vouches for.

use muster_api::{
    id::UserId,
    users::{UserState, UserType},
};
use muster_identity::sign_in::Profile;
use muster_store::{ChangeKind, IdentityRecord, Tx, UserRecord};
use uuid::Uuid;

use super::{Origin, SignIn, SignInError};
use crate::control::{
    error::ControlError,
    record::{Actor, record, value},
    users,
};

impl SignIn {
    /// The account that is tied to a profile: known already, found by its
    /// verified address, or made now, as the method's policy allows.
    pub(crate) async fn account_of(
        &self,
        profile: Profile,
        origin: &Origin,
    ) -> Result<UserRecord, SignInError> {
        let policy = self.methods.policy(&profile.method);
        let actor = Actor {
            credential: Some(format!("method {}", profile.method)),
            origin: origin.address.clone(),
            request: origin.request.clone(),
            ..Actor::host(&profile.username)
        };
        let found = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let now = muster_store::now();
                    if let Some(known) = tx.identity_get(&profile.method, &profile.subject).await? {
                        tx.identity_used(&profile.method, &profile.subject, now)
                            .await?;
                        return follow_type(tx, &actor, known.user, profile.user_type).await;
                    }
                    let linked = match &profile.email {
                        Some(email) if policy.link_by_email && profile.email_verified => {
                            let found = tx.user_by_email(email).await?;
                            found.filter(|user| user.email_verified_at.is_some())
                        }
                        _ => None,
                    };
                    let user = match linked {
                        Some(user) => user,
                        None if policy.create => {
                            let user = new_user(tx, &profile, policy.moderate).await?;
                            users::insert(tx, &user).await?;
                            let change = users::change_of(&user, "create", ChangeKind::Created);
                            record(tx, &actor, change).await?;
                            user
                        }
                        None => return Ok(None),
                    };
                    tx.identity_insert(&IdentityRecord {
                        method: profile.method.clone(),
                        subject: profile.subject.clone(),
                        user: user.id,
                        profile: value(&profile).unwrap_or_default(),
                        created_at: now,
                        last_used_at: Some(now),
                    })
                    .await?;
                    let change = users::change_of(&user, "link", ChangeKind::Updated);
                    record(tx, &actor, change).await?;
                    Ok::<_, ControlError>(Some(user))
                })
            })
            .await?;
        found.ok_or_else(|| {
            SignInError::refused(
                "no_account",
                "nobody here is tied to this account; ask an admin to let you in",
            )
        })
    }
}

/// The user, with the type that the method gives them now.
async fn follow_type(
    tx: &Tx,
    actor: &Actor,
    id: UserId,
    given: Option<UserType>,
) -> Result<Option<UserRecord>, ControlError> {
    let Some(mut user) = tx.user_by_id(id).await? else {
        return Ok(None);
    };
    if let Some(kind) = given.filter(|kind| *kind != user.kind) {
        // The last admin stays one, whatever a directory says.
        let last_admin =
            user.kind == UserType::Admin && tx.user_count_active(UserType::Admin).await? <= 1;
        if !last_admin {
            user.kind = kind;
            user.updated_at = muster_store::now();
            tx.user_update(&user).await?;
            let change = users::change_of(&user, "change-type", ChangeKind::Updated);
            record(tx, actor, change).await?;
        }
    }
    Ok(Some(user))
}

/// A user for a profile, with a name that is free and an address that nobody
/// else has.
async fn new_user(tx: &Tx, profile: &Profile, moderate: bool) -> Result<UserRecord, ControlError> {
    let kind = profile.user_type.unwrap_or_default();
    let base = users::name_like(&profile.username);
    let mut name = base.clone();
    let mut number = 1;
    while tx.user_by_name(&name).await?.is_some() || tx.project_by_name(&name).await?.is_some() {
        number += 1;
        name = format!("{base}-{number}");
    }
    let mut user = UserRecord::new(UserId(Uuid::now_v7()), name, kind);
    if moderate {
        user.state = UserState::Pending;
    }
    user.display_name = profile.display_name.clone().unwrap_or_default();
    if let Some(email) = profile.email.as_ref().map(|email| email.to_lowercase())
        && tx.user_by_email(&email).await?.is_none()
    {
        user.email = Some(email);
        user.email_verified_at = profile.email_verified.then(muster_store::now);
    }
    Ok(user)
}
