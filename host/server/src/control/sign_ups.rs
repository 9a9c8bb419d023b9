//! Sign-ups: people who come by themselves, show that their address is theirs,
//! and are let in.

use muster_api::{
    captcha::CaptchaChallenge,
    config::{captcha::Captcha, passwords::PasswordPolicy, sign_up::SignUp},
    id::UserId,
    projects::{MemberRole, MemberState, ProjectState},
    sign_ups::{LinkReply, NewSignUp, PasswordRules, SignUpInfo, SignUpReply, Verification},
    users::{UserState, check_display_name, check_name},
};
use muster_identity::{captcha::CaptchaError, mail::Occasion};
use muster_store::{ChangeKind, MemberRecord, Store, Tx, UserRecord};
use uuid::Uuid;

use super::{
    accounts::update,
    config::Config,
    error::ControlError,
    links::{Link, follow},
    passwords::Passwords,
    post::{Post, normal},
    record::{Actor, record},
    sign_in::Methods,
    terms_of_use,
    user_states::{UserAction, next},
    users::{change_of, settle},
};

/// The method by which people sign up here.
const LOCAL: &str = "local";

/// Those who come by themselves.
#[derive(Clone)]
pub(crate) struct SignUps {
    pub(crate) store: Store,
    pub(crate) config: Config,
    pub(crate) methods: Methods,
    pub(crate) post: Post,
    pub(crate) passwords: Passwords,
}

impl SignUps {
    /// What one needs to know to sign up.
    pub(crate) async fn info(&self) -> Result<SignUpInfo, ControlError> {
        let settings = self.config.get::<SignUp>();
        let policy = self.config.get::<PasswordPolicy>();
        let captcha = if self.config.get::<Captcha>().on_sign_up {
            let challenge = self.methods.captcha().challenge(muster_store::now());
            challenge.map_err(refused)?
        } else {
            CaptchaChallenge::Off
        };
        Ok(SignUpInfo {
            allowed: is_open(&settings),
            verify_email: settings.verify_email,
            captcha,
            terms: self.store.term_newest().await?,
            password: PasswordRules {
                min_length: policy.min_length,
                min_score: policy.min_score,
            },
        })
    }

    /// Whether people may sign up with a name and a password.
    pub(crate) fn are_open(&self) -> bool {
        is_open(&self.config.get())
    }

    /// Signs somebody up. If a mail says what happens next, nothing is looked
    /// up before the answer is given: neither it nor the time that it takes
    /// tells whether anybody was known.
    pub(crate) async fn create(
        &self,
        visitor: &Actor,
        new: NewSignUp,
    ) -> Result<SignUpReply, ControlError> {
        let settings = self.config.get::<SignUp>();
        if !is_open(&settings) {
            return Err(ControlError::Conflict {
                code: "sign-up-closed",
                message: "nobody may sign up here".to_owned(),
                remedy: "ask an admin to make a user for you".to_owned(),
            });
        }
        check_name(&new.name).map_err(|message| ControlError::invalid("name", message))?;
        check_display_name(&new.display_name)
            .map_err(|message| ControlError::invalid("display_name", message))?;
        let email =
            normal(&new.email).map_err(|message| ControlError::invalid("email", message))?;
        let newest = self.store.term_newest().await?;
        if newest.is_some() && new.accept_terms != newest {
            return Err(terms_of_use::other_version(newest));
        }
        if self.config.get::<Captcha>().on_sign_up {
            let from = visitor.origin.as_deref().and_then(|from| from.parse().ok());
            let captcha = self.methods.captcha();
            let proof = captcha.verify(new.captcha.as_deref(), from, muster_store::now());
            proof.await.map_err(refused)?;
        }
        let user = UserRecord {
            display_name: new.display_name,
            email: Some(email.clone()),
            state: UserState::Unverified,
            ..UserRecord::new(UserId(Uuid::now_v7()), new.name, settings.kind)
        };
        let hash = self.passwords.accept("password", &new.password, &user);
        let arrival = Arrival {
            hash: hash.await?,
            terms: newest,
            user,
            email,
            visitor: visitor.clone(),
            settings,
        };
        let next = if arrival.settings.verify_email {
            if self.post.is_configured() {
                "Follow the link in the mail that was sent to you."
            } else {
                tracing::warn!(
                    "somebody signs up, and no mail can be sent: an admin has to pass a link on, with: muster user send-activation NAME"
                );
                "This Muster sends no mail: ask an admin for the link that you have to follow."
            }
        } else if arrival.settings.is_automatic(&arrival.email) {
            "Log in."
        } else {
            "Wait until an admin lets you in."
        };
        if arrival.settings.verify_email {
            let this = self.clone();
            tokio::spawn(async move {
                if let Err(error) = this.admit(arrival).await {
                    tracing::error!(%error, "a sign-up came to nothing");
                }
            });
        } else {
            self.admit(arrival).await?;
        }
        Ok(SignUpReply {
            next: next.to_owned(),
        })
    }

    async fn admit(&self, arrival: Arrival) -> Result<(), ControlError> {
        let post = self.post.clone();
        self.store
            .write_or_refuse(move |tx| Box::pin(async move { arrival.arrive(tx, &post).await }))
            .await?;
        self.post.wake();
        Ok(())
    }

    /// Takes somebody's word, by the link in a mail, that an address is theirs.
    pub(crate) async fn verify(
        &self,
        visitor: &Actor,
        with: Verification,
    ) -> Result<LinkReply, ControlError> {
        let (post, visitor) = (self.post.clone(), visitor.clone());
        let settings = self.config.get::<SignUp>();
        let reply = self.store.write_or_refuse(move |tx| {
            Box::pin(async move {
                let followed = follow(tx, &[Link::Verify], &with.token).await?;
                followed.use_up(tx).await?;
                let mut user = followed.user.clone();
                if followed.verifies {
                    user.email_verified_at = Some(muster_store::now());
                }
                let actor = Actor {
                    name: user.name.clone(),
                    user: Some(user.id),
                    credential: Some("link".to_owned()),
                    ..visitor
                };
                let admitted = settings.is_automatic(user.email.as_deref().unwrap_or_default());
                user.state = next(user.state, UserAction::Verify { admitted })?;
                come_in(tx, &post, &settings, &user).await?;
                update(tx, &actor, &followed.user, &mut user, "verify").await?;
                Ok::<_, ControlError>(LinkReply {
                    name: user.name,
                    state: user.state,
                })
            })
        });
        let reply = reply.await?;
        self.post.wake();
        Ok(reply)
    }
}

/// Whether people may sign up with a name and a password.
fn is_open(settings: &SignUp) -> bool {
    settings.allowed && settings.methods.iter().any(|method| method == LOCAL)
}

fn refused(error: CaptchaError) -> ControlError {
    let message = error.to_string();
    match error {
        CaptchaError::Missing
        | CaptchaError::Wrong(_)
        | CaptchaError::Expired
        | CaptchaError::Used => ControlError::invalid("captcha", message),
        CaptchaError::Busy | CaptchaError::Unreachable(_) | CaptchaError::Configuration(_) => {
            tracing::error!(error = message, "nobody can show that they are no bot");
            ControlError::Unavailable {
                code: "captcha-unavailable",
                message: "it cannot be checked now whether you are a bot".to_owned(),
                remedy: "try again in a few minutes".to_owned(),
            }
        }
    }
}

/// Somebody who signs up.
struct Arrival {
    user: UserRecord,
    email: String,
    hash: String,
    terms: Option<u64>,
    visitor: Actor,
    settings: SignUp,
}

impl Arrival {
    async fn arrive(mut self, tx: &Tx, post: &Post) -> Result<(), ControlError> {
        void(tx, tx.user_by_email(&self.email).await?).await?;
        void(tx, tx.user_by_name(&self.user.name).await?).await?;
        if let Some(owner) = tx.user_by_email(&self.email).await? {
            // Who owns the address learns that somebody tried; nobody else.
            let occasion = Occasion::AddressTaken;
            return post.put(tx, occasion, &self.email, Some(&owner)).await;
        }
        if let Some(other) = tx.user_by_name(&self.user.name).await? {
            if !self.settings.verify_email {
                let message = format!("the name '{}' is taken", other.name);
                return Err(ControlError::invalid("name", message));
            }
            let occasion = Occasion::NameTaken;
            return post.put(tx, occasion, &self.email, Some(&other)).await;
        }
        tx.user_insert(&self.user).await?;
        let (id, at) = (self.user.id, self.user.created_at);
        tx.password_put(id, &self.hash, at).await?;
        let origin = self.visitor.origin.as_deref();
        tx.sign_up_insert(id, origin, at).await?;
        if let Some(version) = self.terms {
            terms_of_use::accept(tx, &self.user, version, origin).await?;
        }
        if self.settings.verify_email {
            let occasion = Occasion::VerifyEmail;
            post.put(tx, occasion, &self.email, Some(&self.user))
                .await?;
        } else {
            let admitted = self.settings.is_automatic(&self.email);
            self.user.state = next(self.user.state, UserAction::Verify { admitted })?;
            come_in(tx, post, &self.settings, &self.user).await?;
            tx.user_update(&self.user).await?;
        }
        let actor = Actor {
            name: self.user.name.clone(),
            user: Some(id),
            ..self.visitor
        };
        record(
            tx,
            &actor,
            change_of(&self.user, "sign-up", ChangeKind::Created),
        )
        .await?;
        Ok(())
    }
}

/// What follows when somebody who signed up is active, or waits for somebody to
/// decide.
async fn come_in(
    tx: &Tx,
    post: &Post,
    settings: &SignUp,
    user: &UserRecord,
) -> Result<(), ControlError> {
    match user.state {
        UserState::Active => settle(tx, user).await?,
        UserState::Pending => post.tell_admins(tx, user).await?,
        UserState::Unverified | UserState::Suspended | UserState::Deleted => {}
    }
    let Some(name) = &settings.project else {
        return Ok(());
    };
    // The project may have gone since it was configured.
    let project = tx.project_by_name(name).await?;
    if let Some(project) = project.filter(|project| project.state == ProjectState::Active) {
        let member = MemberRecord {
            project: project.id,
            user: user.id,
            role: MemberRole::Member,
            state: MemberState::Member,
            created_at: muster_store::now(),
        };
        tx.member_put(&member).await?;
    }
    Ok(())
}

/// Makes room for somebody who signs up again, or claims what somebody else has
/// claimed without showing that it is theirs.
async fn void(tx: &Tx, earlier: Option<UserRecord>) -> Result<(), ControlError> {
    let Some(earlier) = earlier else {
        return Ok(());
    };
    if earlier.state == UserState::Unverified && tx.sign_up_is(earlier.id).await? {
        tx.user_remove(earlier.id).await?;
        let change = change_of(&earlier, "void", ChangeKind::Deleted);
        record(tx, &Actor::host("sign-up"), change).await?;
    }
    Ok(())
}
