//! An SMTP server that keeps what it gets.

use mail_parser::{Message, MessageParser};
use serde::Deserialize;
use serde_json::json;

use super::{Authority, node::Node};
use crate::eventually;

/// How an SMTP server is.
#[derive(Default)]
pub struct SmtpOptions<'a> {
    /// Who signs its certificate; without, it has no TLS.
    pub authority: Option<&'a Authority>,
    /// Whether TLS begins with the first byte.
    pub implicit: bool,
    /// The user name and password that senders must have.
    pub login: Option<(&'a str, &'a str)>,
    /// Recipients that it does not know.
    pub refuse: &'a [&'a str],
}

/// A running SMTP server. Killed when dropped.
pub struct SmtpServer(Node);

/// A message that the server took.
#[derive(Debug, Clone, Deserialize)]
pub struct Mail {
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// Who sent it, if the server asked.
    pub user: Option<String>,
    /// Headers and body as they came.
    pub text: String,
}

impl Mail {
    /// A header as people see it.
    ///
    /// # Panics
    /// If the message is none.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let message = self.parsed();
        let value = message.header(name.to_owned())?;
        value.as_text().map(str::to_owned)
    }

    /// The text part.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn body(&self) -> String {
        let text = self
            .parsed()
            .body_text(0)
            .expect("a text part")
            .into_owned();
        text.replace("\r\n", "\n")
    }

    /// The HTML part.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn html(&self) -> String {
        self.parsed()
            .body_html(0)
            .expect("a part in HTML")
            .into_owned()
    }

    /// The link that has a line of the text part for itself.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn link(&self) -> String {
        let text = self.body();
        let link = text.lines().find(|line| line.starts_with("http"));
        link.unwrap_or_else(|| panic!("there is no link: {text}"))
            .to_owned()
    }

    fn parsed(&self) -> Message<'_> {
        MessageParser::default()
            .parse(&self.text)
            .expect("a message")
    }
}

impl SmtpServer {
    /// Starts a server.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(options: &SmtpOptions<'_>) -> Self {
        let mut argument = json!({"implicit": options.implicit, "refuse": options.refuse});
        if let Some(authority) = options.authority {
            argument["tls"] = authority.issue().to_json();
        }
        if let Some((user, password)) = options.login {
            argument["login"] = json!({"user": user, "password": password});
        }
        Self(Node::start(
            include_str!("../../servers/smtp.js"),
            &argument,
        ))
    }

    /// The port on 127.0.0.1 where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// What it has got so far.
    ///
    /// # Panics
    /// If it told something else.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        let mail = |line| serde_json::from_value(line).expect("a message");
        self.0.lines().into_iter().map(mail).collect()
    }

    /// Waits until it has got so many messages.
    ///
    /// # Panics
    /// If it does not.
    pub async fn received(&self, count: usize) -> Vec<Mail> {
        eventually("mail", async || {
            let mails = self.mails();
            (mails.len() >= count).then_some(mails)
        })
        .await
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.0.stop();
    }
}
