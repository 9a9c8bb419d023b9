//! Devices without a browser (RFC 8628): the device holds a long code and asks
//! for tokens with it; a person enters a short one in a browser and lets the
//! device in. The two are tickets of their own, so that the device's questions
//! and the person's answer do not write the same row.

use std::time::Duration;

use muster_api::{
    authorization::DeviceReply, id::UserId, permissions::Permission, tokens::TokenReply,
    users::UserState,
};
use muster_identity::secret::{self, Kind};
use muster_store::TicketRecord;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Authorization, codes::read};
use crate::control::{error::ControlError, record::value, sessions::Origin, sign_in::SignInError};

const DEVICE: &str = "device-code";
const USER: &str = "user-code";
const LIFE: Duration = Duration::from_secs(600);
/// How many seconds a device waits at least between questions, and how much
/// more after it did not.
const INTERVAL: u64 = 5;
/// Consonants alone: no word comes of them, and none is taken for a digit.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS_OF_A_CODE: usize = 8;

/// What the device's code stands for.
#[derive(Serialize, Deserialize)]
struct Device {
    client: String,
    scopes: Option<Vec<Permission>>,
    /// The hash of the user code.
    user_code: String,
    interval: u64,
    #[serde(with = "time::serde::rfc3339::option")]
    asked_at: Option<OffsetDateTime>,
}

/// What the person's code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeviceQuestion {
    /// The client that wants in.
    pub(crate) client: String,
    /// What it may do at most.
    pub(crate) scopes: Option<Vec<Permission>>,
    /// Where it asks from.
    pub(crate) address: Option<String>,
    answer: Option<Answer>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Answer {
    Yes { method: String },
    No,
}

enum Told {
    Tokens(TokenReply),
    Word(&'static str, &'static str),
}

impl Authorization {
    /// Codes for a device.
    pub(crate) async fn device_begin(&self, origin: Origin) -> Result<DeviceReply, ControlError> {
        let device = secret::issue(Kind::DeviceCode);
        let user_code = made_up();
        let user_hash = digest(&user_code);
        let now = muster_store::now();
        let ticket = |hash: &str, purpose: &str, data| TicketRecord {
            hash: hash.to_owned(),
            purpose: purpose.to_owned(),
            user: None,
            data,
            created_at: now,
            expires_at: now + LIFE,
            used_at: None,
        };
        let asks = Device {
            client: origin.client.clone(),
            scopes: origin.scopes.clone(),
            user_code: user_hash.clone(),
            interval: INTERVAL,
            asked_at: None,
        };
        let question = DeviceQuestion {
            client: origin.client,
            scopes: origin.scopes,
            address: origin.address,
            answer: None,
        };
        let tickets = [
            ticket(&device.digest, DEVICE, value(&asks).unwrap_or_default()),
            ticket(&user_hash, USER, value(&question).unwrap_or_default()),
        ];
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    for ticket in &tickets {
                        tx.ticket_insert(ticket).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        let page = format!("{}/device", self.public_url());
        Ok(DeviceReply {
            device_code: device.text.expose().to_owned(),
            verification_uri_complete: format!("{page}?user_code={user_code}"),
            verification_uri: page,
            user_code,
            expires_in: LIFE.as_secs(),
            interval: INTERVAL,
        })
    }

    /// The question behind a code that a person has entered, unless it was
    /// answered or is too old; and the hash it goes by.
    pub(crate) async fn device_question(
        &self,
        entered: &str,
    ) -> Result<Option<(String, DeviceQuestion)>, ControlError> {
        let hash = digest(entered);
        let question = self.device_question_at(&hash).await?;
        Ok(question.map(|question| (hash, question)))
    }

    /// The question that goes by a hash.
    pub(crate) async fn device_question_at(
        &self,
        hash: &str,
    ) -> Result<Option<DeviceQuestion>, ControlError> {
        let now = muster_store::now();
        let ticket = self.store.ticket_get(USER, hash).await?;
        let Some(ticket) = ticket.filter(|ticket| ticket.expires_at > now) else {
            return Ok(None);
        };
        let question: DeviceQuestion = read(ticket.data)?;
        Ok(question.answer.is_none().then_some(question))
    }

    /// Lets a device in, or not. False if the question was answered before, or
    /// too long ago.
    pub(crate) async fn device_answer(
        &self,
        hash: &str,
        user: UserId,
        method: Option<&str>,
    ) -> Result<bool, ControlError> {
        let hash = hash.to_owned();
        let answer = match method {
            Some(method) => Answer::Yes {
                method: method.to_owned(),
            },
            None => Answer::No,
        };
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let now = muster_store::now();
                    let ticket = tx.ticket_get(USER, &hash).await?;
                    let Some(ticket) = ticket.filter(|ticket| ticket.expires_at > now) else {
                        return Ok(false);
                    };
                    let mut question: DeviceQuestion = read(ticket.data)?;
                    if question.answer.is_some() {
                        return Ok(false);
                    }
                    question.answer = Some(answer);
                    let data = value(&question).unwrap_or_default();
                    Ok(tx.ticket_change(&hash, Some(user), data).await?)
                })
            })
            .await
    }

    /// Tokens for a device whose person has let it in.
    pub(crate) async fn device_redeem(
        &self,
        code: &str,
        origin: Origin,
    ) -> Result<TokenReply, SignInError> {
        let sessions = self.sign_in.sessions.clone();
        let hash = secret::digest(code);
        let told = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let now = muster_store::now();
                    let ticket = tx.ticket_get(DEVICE, &hash).await?;
                    let ticket = ticket.filter(|ticket| ticket.used_at.is_none());
                    let Some(ticket) = ticket else {
                        return Ok(WRONG);
                    };
                    let mut device: Device = read(ticket.data)?;
                    if device.client != origin.client {
                        return Ok(WRONG);
                    }
                    if ticket.expires_at <= now {
                        return Ok(EXPIRED);
                    }
                    let wait = Duration::from_secs(device.interval);
                    let hasty = device.asked_at.is_some_and(|asked| now < asked + wait);
                    device.asked_at = Some(now);
                    if hasty {
                        device.interval += INTERVAL;
                    }
                    let data = value(&device).unwrap_or_default();
                    tx.ticket_change(&hash, None, data).await?;
                    if hasty {
                        return Ok(SLOW_DOWN);
                    }
                    let Some(asked) = tx.ticket_get(USER, &device.user_code).await? else {
                        return Ok(EXPIRED);
                    };
                    let question: DeviceQuestion = read(asked.data)?;
                    let method = match question.answer {
                        None => return Ok(PENDING),
                        Some(answer) => {
                            if !tx.ticket_use(&hash, now).await? {
                                return Ok(WRONG);
                            }
                            match answer {
                                Answer::No => return Ok(DENIED),
                                Answer::Yes { method } => method,
                            }
                        }
                    };
                    let user = match asked.user {
                        Some(user) => tx.user_by_id(user).await?,
                        None => None,
                    };
                    let active = user.filter(|user| user.state == UserState::Active);
                    let Some(user) = active else {
                        return Ok(DENIED);
                    };
                    let origin = Origin {
                        method,
                        scopes: device.scopes,
                        ..origin
                    };
                    let reply = sessions.begin(tx, &user, &origin).await?;
                    Ok::<_, ControlError>(Told::Tokens(reply))
                })
            })
            .await?;
        match told {
            Told::Tokens(reply) => Ok(reply),
            Told::Word(word, why) => Err(SignInError::refused(word, why)),
        }
    }
}

const WRONG: Told = Told::Word("invalid_grant", "the device code is not good");
const EXPIRED: Told = Told::Word("expired_token", "the codes have expired; begin anew");
const PENDING: Told = Told::Word("authorization_pending", "nobody has let the device in yet");
const SLOW_DOWN: Told = Told::Word("slow_down", "ask less often: five seconds more in between");
const DENIED: Told = Told::Word("access_denied", "the person did not let the device in");

/// A code that people can read out and type.
fn made_up() -> String {
    let letter = || char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    let mut code: String = (0..LETTERS_OF_A_CODE).map(|_| letter()).collect();
    code.insert(LETTERS_OF_A_CODE / 2, '-');
    code
}

/// The hash of a code, however it was typed.
fn digest(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_uppercase()).collect();
    secret::digest(&format!("{USER} {plain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_however_they_are_typed() {
        let code = made_up();
        assert_eq!(code.len(), 9, "{code}");
        for typed in [
            code.to_lowercase(),
            code.replace('-', ""),
            code.replace('-', " "),
            format!(" {code}\n"),
        ] {
            assert_eq!(digest(&typed), digest(&code), "{typed:?}");
        }
        assert_ne!(digest(&made_up()), digest(&code));
    }
}
