//! Links that let somebody act for an account once: to verify an address, or to
//! set a password. Of each kind only the newest of a user is good.

use muster_identity::secret;
use muster_store::{TicketRecord, Tx, UserRecord};
use serde::{Deserialize, Serialize};
use time::Duration;

use super::error::ControlError;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// To show that an address is theirs.
    Verify,
    /// To set the first password.
    Activate,
    /// To replace a password that was forgotten.
    Reset,
}

/// What the ticket of a link carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Carried {
    /// The address that it is mailed to; none if somebody else passes it on.
    email: Option<String>,
}

/// A link that somebody followed.
pub(crate) struct Followed {
    /// What it was for.
    pub(crate) link: Link,
    /// Whom it concerns.
    pub(crate) user: UserRecord,
    /// Whether it shows that the user's address is theirs.
    pub(crate) verifies: bool,
    hash: String,
}

impl Link {
    /// The purpose of its tickets.
    fn purpose(self) -> &'static str {
        match self {
            Self::Verify => "verify-email",
            Self::Activate => "activation",
            Self::Reset => "reset-password",
        }
    }

    /// How long it is good.
    pub(crate) fn life(self) -> Duration {
        match self {
            Self::Verify => Duration::hours(24),
            Self::Activate => Duration::days(7),
            Self::Reset => Duration::hours(1),
        }
    }

    /// The same for people.
    pub(crate) fn life_told(self) -> &'static str {
        match self {
            Self::Verify => "24 hours",
            Self::Activate => "7 days",
            Self::Reset => "1 hour",
        }
    }

    /// Makes the link for a user. `mailed` if it goes to their own address and
    /// to nobody else.
    pub(crate) async fn make(
        self,
        tx: &Tx,
        site: &str,
        user: &UserRecord,
        mailed: bool,
    ) -> Result<String, ControlError> {
        tx.ticket_withdraw(self.purpose(), user.id).await?;
        let issued = secret::issue(secret::Kind::Link);
        let now = muster_store::now();
        let carried = Carried {
            email: user.email.clone().filter(|_| mailed),
        };
        let data = serde_json::to_value(carried)
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        tx.ticket_insert(&TicketRecord {
            hash: issued.digest,
            purpose: self.purpose().to_owned(),
            user: Some(user.id),
            data,
            created_at: now,
            expires_at: now + self.life(),
            used_at: None,
        })
        .await?;
        let page = match self {
            Self::Verify => "verify",
            Self::Activate | Self::Reset => "activate",
        };
        Ok(format!(
            "{site}/account/{page}?token={}",
            issued.text.expose()
        ))
    }
}

/// The good link of these kinds that has a token. It is not used up.
///
/// # Errors
/// If there is none: it was used, has expired or never was.
pub(crate) async fn follow(
    db: &muster_store::Reader,
    kinds: &[Link],
    token: &str,
) -> Result<Followed, ControlError> {
    let (hash, now) = (secret::digest(token), muster_store::now());
    for link in kinds {
        let found = db.ticket_get(link.purpose(), &hash).await?;
        let good = |ticket: &TicketRecord| ticket.used_at.is_none() && ticket.expires_at > now;
        let Some(ticket) = found.filter(good) else {
            continue;
        };
        let user = match ticket.user {
            Some(id) => db.user_by_id(id).await?,
            None => None,
        };
        if let Some(user) = user {
            let carried: Option<Carried> = serde_json::from_value(ticket.data).ok();
            let email = carried.and_then(|carried| carried.email);
            return Ok(Followed {
                link: *link,
                verifies: email.is_some() && email == user.email,
                user,
                hash,
            });
        }
    }
    Err(useless())
}

impl Followed {
    /// Uses the link up, with all others of its kind.
    ///
    /// # Errors
    /// If somebody was faster.
    pub(crate) async fn use_up(&self, tx: &Tx) -> Result<(), ControlError> {
        if tx.ticket_use(&self.hash, muster_store::now()).await? {
            Ok(())
        } else {
            Err(useless())
        }
    }
}

/// Takes all links of a user back.
pub(crate) async fn withdraw(tx: &Tx, user: &UserRecord) -> Result<(), ControlError> {
    for link in [Link::Verify, Link::Activate, Link::Reset] {
        tx.ticket_withdraw(link.purpose(), user.id).await?;
    }
    Ok(())
}

fn useless() -> ControlError {
    ControlError::invalid(
        "token",
        "the link is not good any more: it was used, has expired, or there is a newer one",
    )
}
