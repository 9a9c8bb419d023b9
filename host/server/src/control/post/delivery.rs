//! The way of a mail that waits: it is sent, needless by now, or fails.

use std::sync::{Arc, PoisonError};

use futures::{FutureExt, future::BoxFuture};
use muster_api::{id::UserId, users::UserState};
use muster_bus::Channel;
use muster_identity::mail::{Letter, MailError, Occasion, Variables};
use muster_store::{MessageRecord, UserRecord};
use tokio_util::sync::CancellationToken;

use super::{CALM, Mail, PENDING_TOLD, Post};
use crate::control::{
    error::ControlError,
    links::Link,
    queues::{
        MAILS,
        worker::{Does, Outcome, Worker},
    },
};

/// Why a mail is not sent now.
enum Unsent {
    /// There is no reason for it any more.
    Needless,
    /// It failed.
    Failed(String, bool),
}

impl From<ControlError> for Unsent {
    fn from(error: ControlError) -> Self {
        Self::Failed(error.to_string(), true)
    }
}

impl From<muster_store::StoreError> for Unsent {
    fn from(error: muster_store::StoreError) -> Self {
        ControlError::from(error).into()
    }
}

impl From<MailError> for Unsent {
    fn from(error: MailError) -> Self {
        // A setting that is wrong may be right in an hour; what this server
        // says of this message does not change.
        let lasting = matches!(
            error,
            MailError::Refused { .. } | MailError::NoAddress(_) | MailError::Injection(_)
        );
        Self::Failed(error.to_string(), !lasting)
    }
}

impl Does for Post {
    fn attempt<'a>(
        &'a self,
        message: &'a MessageRecord,
        _stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome> {
        self.deliver(message).boxed()
    }
}

impl Post {
    /// Sends what is due, until stopped.
    pub(crate) async fn run(self, channel: Channel, stop: CancellationToken) {
        let worker = Worker {
            queue: MAILS,
            store: self.store.clone(),
            channel,
            wake: Arc::clone(&self.wake),
        };
        worker.run(self, stop).await;
    }

    async fn deliver(&self, message: &MessageRecord) -> Outcome {
        let mail = match serde_json::from_value::<Mail>(message.body.clone()) {
            Ok(mail) => mail,
            Err(error) => return Outcome::Broken(format!("it is no mail: {error}")),
        };
        match self.send(&mail, message.user).await {
            Ok(()) => {
                tracing::debug!(occasion = mail.occasion, "a mail was sent");
                self.told(&mail).await;
                Outcome::Done
            }
            Err(Unsent::Needless) => {
                self.told(&mail).await;
                Outcome::Done
            }
            Err(Unsent::Failed(error, true)) => Outcome::Failed(error),
            Err(Unsent::Failed(error, false)) => Outcome::Broken(error),
        }
    }

    /// Remembers that admins were told that somebody waits.
    async fn told(&self, mail: &Mail) {
        if mail.occasion != Occasion::Pending.name() {
            return;
        }
        let now = muster_store::now().unix_timestamp();
        let written = self
            .store
            .write(move |tx| Box::pin(async move { tx.setting_put(PENDING_TOLD, &now).await }));
        if let Err(error) = written.await {
            tracing::warn!(%error, "admins may be told too soon again that somebody waits");
        }
    }

    async fn send(&self, mail: &Mail, user: Option<UserId>) -> Result<(), Unsent> {
        let occasion = Occasion::ALL
            .into_iter()
            .find(|occasion| occasion.name() == mail.occasion)
            .ok_or(Unsent::Needless)?;
        // Without a server the reason may be gone before there is one.
        let mailer = self.mailer()?;
        let site = self.site();
        let about = match (occasion, user) {
            (_, Some(id)) => self.store.user_by_id(id).await?,
            (Occasion::ResetPassword, None) => self.store.user_by_email(&mail.address).await?,
            _ => None,
        };
        self.spare(occasion, &mail.address)?;
        let link = self
            .link(occasion, &mail.address, about.as_ref(), &site)
            .await?;
        // Who chose a taken name learns no more of its owner than that.
        let user = about.as_ref();
        let known = user.filter(|_| occasion != Occasion::NameTaken);
        let text = |of: fn(&UserRecord) -> &str| user.map(of).unwrap_or_default();
        // Of a mail to admins the greeted are not those it is about.
        let greeted = match occasion {
            Occasion::Pending | Occasion::NameTaken => &mail.address,
            _ => match text(|user| &user.display_name) {
                "" => text(|user| &user.name),
                name => name,
            },
        };
        let letter = Letter {
            occasion,
            to: &mail.address,
            variables: Variables {
                site: &site,
                name: greeted,
                username: text(|user| &user.name),
                display_name: known.map_or("", |user| &user.display_name),
                email: known
                    .and_then(|user| user.email.as_deref())
                    .unwrap_or(&mail.address),
                link: link.as_deref().unwrap_or(&site),
                expires: kind(occasion).map_or("", Link::life_told),
            },
        };
        mailer.send(&letter).await?;
        Ok(())
    }

    /// Spares people mails that anybody can cause, when they had one just now.
    fn spare(&self, occasion: Occasion, address: &str) -> Result<(), Unsent> {
        if !matches!(
            occasion,
            Occasion::ResetPassword | Occasion::AddressTaken | Occasion::NameTaken
        ) {
            return Ok(());
        }
        let now = muster_store::now();
        let mut calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
        calm.retain(|_, until| *until > now);
        let key = (occasion.name().to_owned(), address.to_owned());
        match calm.get(&key) {
            Some(_) => Err(Unsent::Needless),
            None => {
                calm.insert(key, now + CALM);
                Ok(())
            }
        }
    }

    /// Makes the link of a mail; nothing if it needs none.
    async fn link(
        &self,
        occasion: Occasion,
        address: &str,
        about: Option<&UserRecord>,
        site: &str,
    ) -> Result<Option<String>, Unsent> {
        let Some(link) = kind(occasion) else {
            return Ok(None);
        };
        let id = about.map(|user| user.id).ok_or(Unsent::Needless)?;
        let (address, site) = (address.to_owned(), site.to_owned());
        let made = self.store.write_or_refuse(move |tx| {
            Box::pin(async move {
                let Some(user) = tx.user_by_id(id).await? else {
                    return Ok(None);
                };
                let wanted = match link {
                    Link::Verify => user.state == UserState::Unverified,
                    Link::Activate => {
                        matches!(user.state, UserState::Unverified | UserState::Active)
                    }
                    Link::Reset => {
                        user.state == UserState::Active
                            && tx.password_hash(user.id).await?.is_some()
                    }
                };
                if !wanted || user.email.as_deref() != Some(address.as_str()) {
                    return Ok(None);
                }
                link.make(tx, &site, &user, true).await.map(Some)
            })
        });
        let made: Option<String> = made.await?;
        made.map(Some).ok_or(Unsent::Needless)
    }
}

/// The kind of link that a mail brings.
fn kind(occasion: Occasion) -> Option<Link> {
    match occasion {
        Occasion::VerifyEmail => Some(Link::Verify),
        Occasion::Invitation => Some(Link::Activate),
        Occasion::ResetPassword => Some(Link::Reset),
        _ => None,
    }
}
