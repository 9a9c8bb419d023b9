//! The way of a mail that waits: it is sent, tried again, or given up.

use std::{sync::PoisonError, time::Duration};

use muster_api::users::UserState;
use muster_identity::mail::{Letter, MailError, Occasion, Variables};
use muster_store::{MailRecord, UserRecord};
use tokio_util::sync::CancellationToken;

use super::{CALM, PENDING_TOLD, Post};
use crate::control::{error::ControlError, links::Link};

/// How many mails are taken up at a time.
const BATCH: u32 = 20;
/// The longest wait between looks.
const INTERVAL: Duration = Duration::from_secs(60);
/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// After so many failures, which is about a day, a mail is given up.
const ATTEMPTS: u32 = 32;

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

impl Post {
    /// Sends what is due, until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut changes = self.config.changes();
        loop {
            if let Err(error) = self.send_due(&stop).await {
                tracing::warn!(%error, "mail cannot be looked at; it is tried again");
            }
            let pause = self.until_due().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => {}
                _ = changes.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn until_due(&self) -> Duration {
        let due = self.store.mail_next_due().await.ok().flatten();
        let wait = due.map(|due| due - muster_store::now());
        wait.map_or(INTERVAL, |wait| {
            let wait = Duration::try_from(wait).unwrap_or_default();
            wait.clamp(Duration::from_millis(100), INTERVAL)
        })
    }

    async fn send_due(&self, stop: &CancellationToken) -> Result<(), ControlError> {
        loop {
            let due = self.store.mail_list_due(muster_store::now(), BATCH).await?;
            if due.is_empty() {
                return Ok(());
            }
            for mail in due {
                if stop.is_cancelled() {
                    return Ok(());
                }
                let sent = self.send(&mail).await;
                self.settle(mail, sent).await?;
            }
        }
    }

    /// Notes what became of a mail.
    async fn settle(&self, mail: MailRecord, sent: Result<(), Unsent>) -> Result<(), ControlError> {
        let (error, again) = match sent {
            Ok(()) => {
                tracing::debug!(occasion = mail.occasion, "a mail was sent");
                (None, false)
            }
            Err(Unsent::Needless) => (None, false),
            Err(Unsent::Failed(error, again)) => (Some(error), again),
        };
        let told = mail.occasion == Occasion::Pending.name() && error.is_none();
        let again = again && mail.attempts + 1 < ATTEMPTS;
        if let Some(error) = &error {
            let (occasion, attempts) = (&mail.occasion, mail.attempts + 1);
            if again {
                tracing::warn!(
                    occasion,
                    attempts,
                    error,
                    "a mail was not sent; it is tried again"
                );
            } else {
                tracing::error!(occasion, attempts, error, "a mail is given up");
            }
        }
        let due = muster_store::now() + pause(mail.attempts);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if told {
                        let now = muster_store::now().unix_timestamp();
                        tx.setting_put(PENDING_TOLD, &now).await?;
                    }
                    match error {
                        Some(error) if again => tx.mail_failed(&mail, &error, due).await,
                        _ => tx.mail_delete(mail.id).await,
                    }
                })
            })
            .await?;
        Ok(())
    }

    async fn send(&self, mail: &MailRecord) -> Result<(), Unsent> {
        let occasion = Occasion::ALL
            .into_iter()
            .find(|occasion| occasion.name() == mail.occasion)
            .ok_or(Unsent::Needless)?;
        // Without a server the reason may be gone before there is one.
        let mailer = self.mailer()?;
        let site = self.site();
        let about = match (occasion, mail.user) {
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

/// The pause before a mail is tried again, after that many failures before this
/// one; up to a quarter longer, so that mails do not come all at once.
fn pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures));
    let pause = doubled.min(LONGEST_PAUSE);
    pause.mul_f64(1.0 + rand::random::<f64>() / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour() {
        assert!(pause(0) >= FIRST_PAUSE && pause(0) < FIRST_PAUSE * 2);
        assert!(pause(3) >= FIRST_PAUSE * 8);
        for failures in [10, 31, 32, u32::MAX] {
            let pause = pause(failures);
            assert!(pause >= LONGEST_PAUSE && pause < LONGEST_PAUSE * 2);
        }
    }
}
