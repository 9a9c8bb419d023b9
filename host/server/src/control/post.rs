//! Mail: it is put on its way within the transaction of what it tells, and sent
//! afterwards, again and again until the server takes it. Nobody waits for it.

mod delivery;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use muster_api::{
    config::{mail::Mail as Settings, management::Management},
    sign_ups::MailTestReply,
    users::{UserState, UserType},
};
use muster_identity::mail::{Letter, MailError, Mailer, Occasion, Variables, address};
use muster_store::{MessageRecord, Store, Tx, UserFilter, UserRecord};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{config::Config, error::ControlError, queues::MAILS};

/// More mails than that do not wait.
const MAX_WAITING: u64 = 10_000;
/// How long somebody who did not ask for it gets no second mail of a kind.
const CALM: Duration = Duration::from_secs(600);
/// How often admins are told that somebody waits.
const PENDING_EVERY: time::Duration = time::Duration::HOUR;
/// The setting that holds when they were told last, in seconds since 1970.
const PENDING_TOLD: &str = "mail.pending-told-at";

/// A mailer, and the settings that it is of.
type Configured = (Settings, Arc<Mailer>);

/// A mail on its way. Its link is made when it is sent, so that no secret waits.
#[derive(Serialize, Deserialize)]
struct Mail {
    /// Why it is written, such as `verify-email`.
    occasion: String,
    /// To which address.
    address: String,
}

/// What is sent to whom, and by which way.
#[derive(Clone)]
pub(crate) struct Post {
    store: Store,
    config: Config,
    /// Where people reach this Muster unless the configuration says it.
    address: Arc<str>,
    wake: Arc<Notify>,
    mailer: Arc<Mutex<Option<Configured>>>,
    /// When which mail went to which address last, of kinds that anybody can
    /// cause.
    calm: Arc<Mutex<HashMap<(String, String), OffsetDateTime>>>,
}

impl Post {
    /// `address` is where people reach this Muster unless the configuration
    /// says it.
    pub(crate) fn new(store: Store, config: Config, address: String) -> Self {
        Self {
            store,
            config,
            address: address.into(),
            wake: Arc::default(),
            mailer: Arc::default(),
            calm: Arc::default(),
        }
    }

    /// Whether mail can be sent at all.
    pub(crate) fn is_configured(&self) -> bool {
        self.config.get::<Settings>().is_configured()
    }

    /// Where people reach this Muster, without a slash at the end.
    pub(crate) fn site(&self) -> String {
        let told = self.config.get::<Management>().public_url;
        let site = told.as_deref().unwrap_or(&self.address);
        site.trim_end_matches('/').to_owned()
    }

    /// Puts a mail on its way, which begins when the transaction is committed;
    /// nothing if mail is not configured. [`Post::wake`] lets it begin at once.
    pub(crate) async fn put(
        &self,
        tx: &Tx,
        occasion: Occasion,
        address: &str,
        about: Option<&UserRecord>,
    ) -> Result<(), ControlError> {
        self.put_at(tx, occasion, address, about, muster_store::now())
            .await
    }

    async fn put_at(
        &self,
        tx: &Tx,
        occasion: Occasion,
        address: &str,
        about: Option<&UserRecord>,
        due_at: OffsetDateTime,
    ) -> Result<(), ControlError> {
        if !self.is_configured() {
            return Ok(());
        }
        let waiting = tx.message_counts(MAILS.name).await?;
        if waiting.waiting + waiting.in_flight >= MAX_WAITING {
            tracing::warn!(
                occasion = occasion.name(),
                "too many mails wait; one is not sent"
            );
            return Ok(());
        }
        let mail = Mail {
            occasion: occasion.name().to_owned(),
            address: address.to_owned(),
        };
        let key = format!("{} {address}", mail.occasion);
        let body = serde_json::to_value(mail)
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        Ok(tx
            .message_put(&MessageRecord {
                user: about.map(|user| user.id),
                due_at,
                ..MessageRecord::new(Uuid::now_v7(), MAILS.name, key, body)
            })
            .await?)
    }

    /// Tells the admins that somebody waits to be let in; at most once in an
    /// hour.
    pub(crate) async fn tell_admins(
        &self,
        tx: &Tx,
        about: &UserRecord,
    ) -> Result<(), ControlError> {
        let told = tx.setting_get::<i64>(PENDING_TOLD).await?;
        let told = told.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let now = muster_store::now();
        let due = told.map_or(now, |told| now.max(told + PENDING_EVERY));
        let admins = UserFilter {
            state: Some(UserState::Active),
            kind: Some(UserType::Admin),
        };
        for admin in tx.user_list(&admins, None, 500).await?.items {
            if let Some(address) = &admin.email {
                self.put_at(tx, Occasion::Pending, address, Some(about), due)
                    .await?;
            }
        }
        Ok(())
    }

    /// Has what was put on its way looked at now.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Sends a mail now and says what the server said.
    pub(crate) async fn test(&self, to: &str) -> Result<MailTestReply, ControlError> {
        let to = normal(to).map_err(|message| ControlError::invalid("to", message))?;
        let sent = self.send_test(&to).await;
        Ok(MailTestReply {
            accepted: sent.is_ok(),
            problem: sent.err().map(|error| error.to_string()),
        })
    }

    async fn send_test(&self, to: &str) -> Result<(), MailError> {
        let site = self.site();
        let mailer = self.mailer()?;
        let letter = Letter {
            occasion: Occasion::Test,
            to,
            variables: Variables {
                site: &site,
                name: to,
                username: "",
                display_name: "",
                email: to,
                link: &site,
                expires: "",
            },
        };
        mailer.send(&letter).await
    }

    /// The mailer of the settings as they are.
    fn mailer(&self) -> Result<Arc<Mailer>, MailError> {
        let settings = self.config.get::<Settings>();
        let mut kept = self.mailer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, mailer)) = kept.as_ref()
            && *of == settings
        {
            return Ok(Arc::clone(mailer));
        }
        let mailer = Arc::new(Mailer::new(&settings)?);
        *kept = Some((settings, Arc::clone(&mailer)));
        Ok(mailer)
    }
}

/// An address as it is kept: in lower case.
///
/// # Errors
/// A sentence for whoever gave it.
pub(crate) fn normal(text: &str) -> Result<String, String> {
    let found = address(text.trim()).map_err(|error| error.to_string())?;
    Ok(found.to_string().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_in_lower_case() {
        assert_eq!(
            normal(" Ada@Example.ORG "),
            Ok("ada@example.org".to_owned())
        );
        assert!(normal("ada").is_err() && normal("a@b.c, d@e.f").is_err());
    }
}
