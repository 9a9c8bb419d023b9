//! E-mail: what is written on which occasion, and how it gets to an SMTP server.

mod error;
mod letter;
mod templates;

use std::time::Duration;

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use muster_api::config::mail::{Mail, MailTls};
use uuid::Uuid;

use self::templates::Templates;
pub use self::{
    error::MailError,
    letter::{Letter, Occasion, Variables},
};
use crate::tls;

/// The longest address that fits into SMTP's path (RFC 5321, 4.5.3.1.3).
const LONGEST_ADDRESS: usize = 254;

/// Sends letters to one SMTP server.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    templates: Templates,
    server: String,
    user: String,
    timeout: Duration,
}

impl Mailer {
    /// A mailer with these settings. Reads the CA file and the templates;
    /// connects nowhere yet.
    ///
    /// # Errors
    /// If it could never work; the error names the setting or the template.
    pub fn new(settings: &Mail) -> Result<Self, MailError> {
        if !settings.is_configured() {
            return Err(MailError::NotConfigured);
        }
        if settings.password.is_mask() {
            return Err(misconfigured(
                "password",
                "it must be entered again, since the server changed",
            ));
        }
        if settings.user.is_empty() != settings.password.is_empty() {
            return Err(misconfigured("user", "user and password go together"));
        }
        let from = mailbox(&settings.from)
            .ok_or_else(|| misconfigured("from", "this is no e-mail address"))?;
        let timeout = settings.timeout.into();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port())
            .tls(protection(settings)?)
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(timeout));
        if !settings.user.is_empty() {
            builder = builder.credentials(Credentials::new(
                settings.user.clone(),
                settings.password.expose().to_owned(),
            ));
        }
        Ok(Self {
            transport: builder.build(),
            from,
            templates: Templates::load(settings.template_directory.as_deref())?,
            server: format!("{}:{}", settings.host, settings.port()),
            user: settings.user.clone(),
            timeout,
        })
    }

    /// Writes a letter and hands it to the server.
    ///
    /// # Errors
    /// If it cannot be written, or the server does not take it.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), MailError> {
        let message = self.compose(letter)?;
        self.in_time(self.transport.send(message)).await?;
        Ok(())
    }

    /// Connects, signs in and leaves.
    ///
    /// # Errors
    /// If the server cannot be reached or does not let us in.
    pub async fn check(&self) -> Result<(), MailError> {
        self.in_time(self.transport.test_connection()).await?;
        Ok(())
    }

    fn compose(&self, letter: &Letter<'_>) -> Result<Message, MailError> {
        let to = address(letter.to)?;
        let written = self.templates.write(letter.occasion, &letter.variables)?;
        // Nobody's absence is to be answered to this.
        let generated = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        let id = format!("<{}@{}>", Uuid::now_v7(), self.from.email.domain());
        Message::builder()
            .from(self.from.clone())
            .to(to.into())
            .subject(written.subject)
            .message_id(Some(id))
            .raw_header(generated)
            .multipart(MultiPart::alternative_plain_html(
                written.text,
                written.html,
            ))
            .map_err(|error| misconfigured("from", error.to_string()))
    }

    async fn in_time<T>(
        &self,
        talk: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, MailError> {
        match tokio::time::timeout(self.timeout, talk).await {
            Ok(result) => result.map_err(|error| self.trouble(&error)),
            Err(_) => Err(MailError::Unavailable {
                server: self.server.clone(),
                problem: "it took too long".to_owned(),
            }),
        }
    }

    fn trouble(&self, error: &lettre::transport::smtp::Error) -> MailError {
        let (server, problem) = (self.server.clone(), chain(error));
        let code = error.status().map(|code| code.to_string());
        let about_login = ["530", "534", "535", "538"];
        if code.is_some_and(|code| about_login.contains(&&*code)) {
            MailError::Login {
                server,
                user: self.user.clone(),
                problem,
            }
        } else if error.is_permanent() {
            MailError::Refused { server, problem }
        } else if error.is_tls() || problem.contains("certificate") || problem.contains("STARTTLS")
        {
            MailError::Tls { server, problem }
        } else if error.is_client() {
            MailError::Refused { server, problem }
        } else {
            MailError::Unavailable { server, problem }
        }
    }
}

/// An address on its own, without a name: `ada@example.org`.
///
/// # Errors
/// [`MailError::NoAddress`] if it is none, or more than one.
pub fn address(text: &str) -> Result<Address, MailError> {
    let wrong = || MailError::NoAddress(text.chars().take(LONGEST_ADDRESS).collect());
    if text.len() > LONGEST_ADDRESS || text.contains(|c: char| c.is_control() || c.is_whitespace())
    {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// An address, with a name if there is one: `Muster <muster@example.org>`.
fn mailbox(text: &str) -> Option<Mailbox> {
    if text.contains(char::is_control) {
        return None;
    }
    text.parse().ok()
}

fn protection(settings: &Mail) -> Result<Tls, MailError> {
    if settings.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let unusable = |error: String| misconfigured("ca_file", error);
        parameters = parameters.certificate_store(CertificateStore::None);
        for certificate in tls::certificates(path).map_err(|error| unusable(error.to_string()))? {
            let certificate = Certificate::from_der(certificate.to_vec())
                .map_err(|error| unusable(error.to_string()))?;
            parameters = parameters.add_root_certificate(certificate);
        }
    } else {
        parameters = parameters.certificate_store(CertificateStore::WebpkiRoots);
    }
    let parameters = parameters
        .build_rustls()
        .map_err(|error| misconfigured("host", chain(&error)))?;
    Ok(match settings.tls {
        MailTls::Implicit => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

fn misconfigured(setting: &'static str, problem: impl Into<String>) -> MailError {
    MailError::Misconfigured {
        setting,
        problem: problem.into(),
    }
}

/// An error with all its causes, without saying any twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.contains(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        cause = error.source();
    }
    told
}

#[cfg(test)]
mod tests;
