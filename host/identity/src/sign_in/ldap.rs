//! LDAP: find the user's one entry as a service, then bind as that entry with
//! the password that was entered.

mod entry;
mod filter;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use ldap3::{
    LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry, SearchOptions,
};
use muster_api::config::sign_in::LdapSettings;
use reqwest::Url;
use rustls::ClientConfig;

use self::filter::Filter;
use super::{About, Attempt, Method, Profile, SignInError, Style, highest, other_style, required};
use crate::tls;

/// Longer user names and passwords are wrong, without asking.
const LONGEST_INPUT: usize = 1024;

/// Result codes of RFC 4511, appendix A.
mod code {
    pub const SUCCESS: u32 = 0;
    pub const SIZE_LIMIT_EXCEEDED: u32 = 4;
    pub const STRONGER_AUTH_REQUIRED: u32 = 8;
    pub const CONFIDENTIALITY_REQUIRED: u32 = 13;
    pub const NO_SUCH_OBJECT: u32 = 32;
    pub const INVALID_DN_SYNTAX: u32 = 34;
    pub const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
    pub const BUSY: u32 = 51;
    pub const UNAVAILABLE: u32 = 52;
}

/// A directory that checks passwords.
pub struct Ldap {
    about: About,
    settings: LdapSettings,
    user_filter: Filter,
    group_filter: Option<Filter>,
    tls: Arc<ClientConfig>,
}

/// Why one server gave no answer: the next may, or none will.
enum Trouble {
    /// It is down, unreachable, busy, or shows the wrong certificate.
    Server(String),
    /// It answered, and that settles it.
    Settled(SignInError),
}

impl From<SignInError> for Trouble {
    fn from(error: SignInError) -> Self {
        Self::Settled(error)
    }
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

/// A connection to one server, with patience for each question.
struct Session {
    ldap: ldap3::Ldap,
    timeout: Duration,
}

impl Session {
    async fn bind(&mut self, dn: &str, password: &str) -> Result<LdapResult, Trouble> {
        self.ldap
            .with_timeout(self.timeout)
            .simple_bind(dn, password)
            .await
            .map_err(|error| Trouble::Server(error.to_string()))
    }

    /// The entries below `base`; with a `limit`, at most that many. Entries on
    /// other servers, to which this one only points, are not followed.
    async fn search(
        &mut self,
        base: &str,
        filter: &str,
        attributes: &[&str],
        limit: i32,
    ) -> Result<Vec<SearchEntry>, Trouble> {
        let found = self
            .ldap
            .with_timeout(self.timeout)
            .with_search_options(SearchOptions::new().sizelimit(limit))
            .search(base, Scope::Subtree, filter, attributes)
            .await;
        let (entries, result) = match found {
            Ok(answer) => (answer.0, answer.1),
            Err(LdapError::FilterParsing) => {
                return Err(SignInError::misconfigured(format!("no filter: {filter}")).into());
            }
            Err(error) => return Err(Trouble::Server(error.to_string())),
        };
        match result.rc {
            code::SUCCESS => {}
            code::SIZE_LIMIT_EXCEEDED if limit > 0 => {}
            code::NO_SUCH_OBJECT | code::INVALID_DN_SYNTAX => {
                return Err(
                    SignInError::misconfigured(format!("there is no {base:?}: {result}")).into(),
                );
            }
            _ => return Err(Trouble::Server(result.to_string())),
        }
        Ok(entries
            .into_iter()
            .filter(|entry| !entry.is_ref() && !entry.is_intermediate())
            .map(SearchEntry::construct)
            .collect())
    }

    async fn end(mut self) {
        // The server notices the closed connection otherwise.
        let _ = self.ldap.unbind().await;
    }
}

/// What it means that the directory does not take a user's password.
fn refusal(dn: &str, result: &LdapResult) -> Trouble {
    let detail = format!("the directory does not let {dn:?} in: {result}");
    match result.rc {
        code::BUSY | code::UNAVAILABLE => Trouble::Server(result.to_string()),
        code::STRONGER_AUTH_REQUIRED
        | code::CONFIDENTIALITY_REQUIRED
        | code::INAPPROPRIATE_AUTHENTICATION => SignInError::misconfigured(detail).into(),
        // Locked, expired and forbidden are the same to the person as a wrong
        // password, or it would tell that the account exists.
        _ => SignInError::wrong(detail).into(),
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
mod tests {
    use muster_api::config::Secret;

    use super::*;

    fn settings() -> LdapSettings {
        LdapSettings {
            urls: vec!["ldap://127.0.0.1:1".to_owned()],
            user_base: "ou=people,dc=example,dc=org".to_owned(),
            ..LdapSettings::default()
        }
    }

    fn build(settings: &LdapSettings) -> Result<Ldap, SignInError> {
        let about = About {
            name: "ldap".to_owned(),
            kind: "ldap",
            label: "Directory".to_owned(),
        };
        Ldap::new(about, settings)
    }

    fn told(change: impl FnOnce(&mut LdapSettings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        let Err(error) = build(&settings) else {
            panic!("this could never work: {settings:?}");
        };
        assert!(matches!(error, SignInError::Misconfigured { .. }));
        error.detail().to_owned()
    }

    #[test]
    fn what_could_never_work_is_told_at_once() {
        assert!(build(&settings()).is_ok());
        assert!(told(|s| s.urls.clear()).contains("urls"));
        assert!(told(|s| s.urls[0] = "http://directory".to_owned()).contains("urls"));
        assert!(told(|s| s.urls[0] = "ldapi:///tmp/x".to_owned()).contains("urls"));
        assert!(told(|s| s.user_base.clear()).contains("user_base"));
        assert!(told(|s| s.attributes.subject.clear()).contains("attributes.subject"));
        assert!(told(|s| s.user_filter = "(uid=ada)".to_owned()).contains("user_filter"));
        assert!(told(|s| s.user_filter = "(uid={username}".to_owned()).contains("user_filter"));
        assert!(told(|s| s.bind_dn = "cn=muster".to_owned()).contains("bind_password"));
        assert!(told(|s| s.bind_password = Secret::from(Secret::MASK)).contains("again"));
        assert!(told(|s| s.ca_file = Some("/nonexistent".to_owned())).contains("/nonexistent"));
    }

    #[tokio::test]
    async fn without_a_password_nobody_is_asked() {
        let ldap = build(&settings()).unwrap();
        for (username, password) in [
            ("ada", ""),
            ("", "secret"),
            (" ", "secret"),
            ("ada", "a\0b"),
            ("ada", &"x".repeat(LONGEST_INPUT + 1)),
        ] {
            let attempt = Attempt::Password { username, password };
            let error = ldap.sign_in(attempt).await.unwrap_err();
            // To be asked, the server would have to be there.
            assert!(
                matches!(error, SignInError::WrongCredentials { .. }),
                "{error:?}"
            );
        }
    }

    #[tokio::test]
    async fn every_server_that_is_down_is_named() {
        let mut settings = settings();
        settings.urls.push("ldaps://127.0.0.1:2".to_owned());
        let attempt = Attempt::Password {
            username: "ada",
            password: "secret",
        };
        let error = build(&settings)
            .unwrap()
            .sign_in(attempt)
            .await
            .unwrap_err();
        assert!(matches!(error, SignInError::Unavailable { .. }));
        assert!(error.detail().contains("ldap://127.0.0.1:1: "), "{error:?}");
        assert!(error.detail().contains("ldaps://127.0.0.1:2: "));
    }
}
