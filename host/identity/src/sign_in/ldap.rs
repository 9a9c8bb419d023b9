//! LDAP: find the user's one entry as a service, then bind as that entry with
//! the password that was entered.

mod entry;
mod filter;
mod session;

use self::session::{Session, Trouble, code, refusal};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use ldap3::{LdapConnAsync, LdapConnSettings, SearchEntry};
use muster_api::config::sign_in::LdapSettings;
use reqwest::Url;
use rustls::ClientConfig;

use self::filter::Filter;
use super::{About, Attempt, Method, Profile, SignInError, Style, highest, other_style, required};
use crate::tls;

/// Longer user names and passwords are wrong, without asking.
const LONGEST_INPUT: usize = 1024;

/// A directory that checks passwords.
pub struct Ldap {
    about: About,
    settings: LdapSettings,
    user_filter: Filter,
    group_filter: Option<Filter>,
    tls: Arc<ClientConfig>,
}

impl Ldap {
    /// A directory with these settings. Reads the CA file; asks nothing yet.
    ///
    /// # Errors
    /// [`SignInError::Misconfigured`] if it could never work.
    pub fn new(about: About, settings: &LdapSettings) -> Result<Self, SignInError> {
        if settings.urls.is_empty() {
            return Err(SignInError::misconfigured("urls is empty"));
        }
        for url in &settings.urls {
            check_url(url)?;
        }
        required("user_base", &settings.user_base)?;
        for (name, attribute) in [
            ("attributes.subject", &settings.attributes.subject),
            ("attributes.username", &settings.attributes.username),
        ] {
            required(name, attribute)?;
        }
        if !settings.bind_dn.is_empty() && settings.bind_password.is_empty() {
            // The directory would take this for an anonymous bind.
            return Err(SignInError::misconfigured(
                "bind_dn is set, but bind_password is not",
            ));
        }
        if settings.bind_password.is_mask() {
            return Err(SignInError::misconfigured(
                "bind_password must be entered again, since the servers changed",
            ));
        }
        let user_filter = Filter::new("user_filter", &settings.user_filter, &["username"])?;
        let group_filter = if settings.group_base.is_empty() {
            None
        } else {
            required("group_name", &settings.group_name)?;
            let words = ["dn", "username"];
            Some(Filter::new("group_filter", &settings.group_filter, &words)?)
        };
        let tls = tls::client_config(settings.ca_file.as_deref())
            .map_err(|error| SignInError::misconfigured(error.to_string()))?;
        Ok(Self {
            about,
            settings: settings.clone(),
            user_filter,
            group_filter,
            tls: Arc::new(tls),
        })
    }

    async fn check(&self, username: &str, password: &str) -> Result<Profile, SignInError> {
        // A bind without a password succeeds on many servers: it is anonymous.
        if username.trim().is_empty() || password.is_empty() {
            return Err(SignInError::wrong("the user name or the password is empty"));
        }
        if username.len().max(password.len()) > LONGEST_INPUT || password.contains('\0') {
            return Err(SignInError::wrong(
                "the user name or the password is no such thing",
            ));
        }
        let mut troubles = Vec::new();
        for url in &self.settings.urls {
            match self.ask(url, username, password).await {
                Ok(profile) => return Ok(profile),
                Err(Trouble::Settled(error)) => return Err(error),
                Err(Trouble::Server(trouble)) => troubles.push(format!("{url}: {trouble}")),
            }
        }
        Err(SignInError::unavailable(troubles.join("; ")))
    }

    async fn ask(&self, url: &str, username: &str, password: &str) -> Result<Profile, Trouble> {
        let timeout = Duration::from(self.settings.timeout);
        let connecting = LdapConnSettings::new()
            .set_conn_timeout(timeout)
            .set_starttls(self.settings.start_tls)
            .set_config(Arc::clone(&self.tls));
        let (connection, ldap) = LdapConnAsync::with_settings(connecting, url)
            .await
            .map_err(|error| Trouble::Server(error.to_string()))?;
        // It ends once the session is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "a connection to a directory ended");
            }
        });
        let mut session = Session { ldap, timeout };
        let answer = self.identify(&mut session, username, password).await;
        session.end().await;
        answer
    }

    async fn identify(
        &self,
        session: &mut Session,
        username: &str,
        password: &str,
    ) -> Result<Profile, Trouble> {
        let settings = &self.settings;
        self.bind_as_service(session).await?;
        let Some(entry) = self.find(session, username).await? else {
            // As many questions as for a user there is, so that the time does
            // not tell who exists.
            let nobody = format!("cn=nobody,{}", settings.user_base);
            session.bind(&nobody, password).await?;
            return Err(SignInError::wrong(format!("no entry for {username:?}")).into());
        };
        let result = session.bind(&entry.dn, password).await?;
        if result.rc != code::SUCCESS {
            return Err(refusal(&entry.dn, &result));
        }
        let mut profile = self.profile(&entry, username)?;
        if let Some(filter) = &self.group_filter {
            self.bind_as_service(session).await?;
            let words = [("dn", entry.dn.as_str()), ("username", &profile.username)];
            profile.groups = self.groups(session, &filter.fill(&words)).await?;
            profile.user_type = highest(&profile.groups, &settings.group_types);
        }
        Ok(profile)
    }

    async fn bind_as_service(&self, session: &mut Session) -> Result<(), Trouble> {
        let (dn, password) = (&self.settings.bind_dn, self.settings.bind_password.expose());
        let result = session.bind(dn, password).await?;
        match result.rc {
            code::SUCCESS => Ok(()),
            code::BUSY | code::UNAVAILABLE => Err(Trouble::Server(result.to_string())),
            _ => Err(SignInError::misconfigured(format!(
                "the directory does not let {dn:?} in: {result}"
            ))
            .into()),
        }
    }

    /// The user's entry, if there is exactly one.
    async fn find(
        &self,
        session: &mut Session,
        username: &str,
    ) -> Result<Option<SearchEntry>, Trouble> {
        let filter = self.user_filter.fill(&[("username", username)]);
        let names = &self.settings.attributes;
        let attributes: Vec<&str> = [
            &names.subject,
            &names.username,
            &names.email,
            &names.display_name,
        ]
        .into_iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .collect();
        let base = &self.settings.user_base;
        let mut found = session.search(base, &filter, &attributes, 2).await?;
        if found.len() > 1 {
            return Err(SignInError::wrong(format!(
                "there is more than one entry for {username:?}"
            ))
            .into());
        }
        Ok(found.pop())
    }

    async fn groups(
        &self,
        session: &mut Session,
        filter: &str,
    ) -> Result<BTreeSet<String>, Trouble> {
        let (base, name) = (&self.settings.group_base, &self.settings.group_name);
        let found = session.search(base, filter, &[name], 0).await?;
        Ok(found
            .iter()
            .flat_map(|group| entry::texts(group, name))
            .map(str::to_owned)
            .collect())
    }

    fn profile(&self, entry: &SearchEntry, entered: &str) -> Result<Profile, SignInError> {
        let names = &self.settings.attributes;
        let missing = |name: &str| {
            SignInError::misconfigured(format!("the entry {} has no one {name}", entry.dn))
        };
        let email = entry::text(entry, &names.email).map(str::to_owned);
        Ok(Profile {
            method: self.about.name.clone(),
            subject: entry::identifier(entry, &names.subject)
                .ok_or_else(|| missing(&names.subject))?,
            username: entry::closest(entry, &names.username, entered)
                .ok_or_else(|| missing(&names.username))?
                .to_owned(),
            email_verified: email.is_some() && self.settings.email_verified,
            email,
            display_name: entry::text(entry, &names.display_name).map(str::to_owned),
            groups: BTreeSet::new(),
            user_type: None,
        })
    }
}

#[async_trait]
impl Method for Ldap {
    fn about(&self) -> &About {
        &self.about
    }

    fn style(&self) -> Style {
        Style::Password
    }

    async fn sign_in(&self, attempt: Attempt<'_>) -> Result<Profile, SignInError> {
        match attempt {
            Attempt::Password { username, password } => self.check(username, password).await,
            _ => Err(other_style(&self.about)),
        }
    }
}

fn check_url(url: &str) -> Result<(), SignInError> {
    let parsed = Url::parse(url)
        .map_err(|error| SignInError::misconfigured(format!("urls: {url:?}: {error}")))?;
    if !matches!(parsed.scheme(), "ldap" | "ldaps") || parsed.host_str().is_none_or(str::is_empty) {
        return Err(SignInError::misconfigured(format!(
            "urls: {url:?} is not like ldap://directory.example or ldaps://directory.example"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
