//! The section `mail`: how Muster sends e-mail.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidSection, Secret};
use crate::units::Millis;

/// How Muster sends e-mail. Without a host it sends none, and shows admins the
/// links that people would have got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The SMTP server's name or address. Empty: no e-mail is sent.
    #[schema(example = "smtp.example.org")]
    pub host: String,
    /// Its port. None: 587 with StartTLS, 465 with implicit TLS, 25 without.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who Muster is to the server. Empty: it does not say.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Whom messages are from: an address, with a name if wanted.
    #[schema(example = "Muster <muster@example.org>")]
    pub from: String,
    /// A file on the host with the certificates in PEM form that are believed
    /// instead of those of public authorities.
    pub ca_file: Option<String>,
    /// A folder on the host with templates that replace the built-in ones.
    pub template_directory: Option<String>,
    /// How long handing over a message may take, from connecting on.
    pub timeout: Millis,
}

/// How a connection to an SMTP server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// Not at all: for a server on this machine or one wire away.
    None,
    /// From the command STARTTLS on, and never without it.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: None,
            tls: MailTls::default(),
            user: String::new(),
            password: Secret::default(),
            from: String::new(),
            ca_file: None,
            template_directory: None,
            timeout: Millis(30_000),
        }
    }
}

impl Mail {
    /// Whether e-mail can be sent at all.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.host.is_empty()
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTls::None => 25,
            MailTls::Starttls => 587,
            MailTls::Implicit => 465,
        })
    }

    /// Says what does not go together. Whether the addresses, files and
    /// templates are of use is for the mailer to say.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), InvalidSection> {
        let wrong = |field, problem| Err(InvalidSection::new(field, problem));
        if self.password.is_mask() {
            return wrong(
                "password",
                "enter it again, since it would be sent elsewhere than before",
            );
        }
        if self.user.is_empty() != self.password.is_empty() {
            return wrong("user", "user and password go together: set both or neither");
        }
        if self.is_configured() && self.from.trim().is_empty() {
            return wrong("from", "messages need a sender, such as muster@example.org");
        }
        if self.timeout.0 == 0 {
            return wrong("timeout", "it must be longer than nothing");
        }
        Ok(())
    }

    /// Hides the password, so that the section can be shown.
    pub fn mask(&mut self) {
        self.password.mask();
    }

    /// Puts the password of `current` in place of a mask, if it goes to the
    /// same server under the same protection. Otherwise the mask stays, and
    /// whoever changes the server has to enter the password again: it must not
    /// reach a server that somebody without it chose.
    pub fn keep(&mut self, current: &Self) {
        let place = |mail: &Self| {
            (
                mail.host.clone(),
                mail.port(),
                mail.tls,
                mail.ca_file.clone(),
            )
        };
        if place(self) == place(current) {
            self.password.keep(&current.password);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_follows_the_protection_unless_told() {
        let mail = |tls, port| Mail {
            tls,
            port,
            ..Mail::default()
        };
        assert_eq!(mail(MailTls::Starttls, None).port(), 587);
        assert_eq!(mail(MailTls::Implicit, None).port(), 465);
        assert_eq!(mail(MailTls::None, None).port(), 25);
        assert_eq!(mail(MailTls::None, Some(2525)).port(), 2525);
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        assert_eq!(Mail::default().check(), Ok(()));
        let field = |change: fn(&mut Mail)| {
            let mut mail = Mail::default();
            change(&mut mail);
            mail.check().unwrap_err().field
        };
        assert_eq!(field(|mail| mail.user = "muster".to_owned()), "user");
        assert_eq!(field(|mail| mail.host = "smtp".to_owned()), "from");
        assert_eq!(
            field(|mail| mail.password = Secret::MASK.into()),
            "password"
        );
        assert_eq!(field(|mail| mail.timeout = Millis(0)), "timeout");
    }

    #[test]
    fn a_password_stays_with_its_server() {
        let current = Mail {
            host: "smtp.example.org".to_owned(),
            password: Secret::from("hunter2"),
            ..Mail::default()
        };
        let mut same = current.clone();
        same.mask();
        assert_eq!(same.password.expose(), Secret::MASK);
        same.keep(&current);
        assert_eq!(same, current);
        let weaker = |change: fn(&mut Mail)| {
            let mut mail = current.clone();
            mail.mask();
            change(&mut mail);
            mail.keep(&current);
            mail.password.is_mask()
        };
        assert!(weaker(|mail| mail.host = "attacker.example".to_owned()));
        assert!(weaker(|mail| mail.tls = MailTls::None));
    }
}
