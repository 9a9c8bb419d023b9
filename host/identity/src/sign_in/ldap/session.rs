//! A connection to one server of the directory, and what its answers mean.

use std::time::Duration;

use ldap3::{LdapError, LdapResult, Scope, SearchEntry, SearchOptions};

use crate::sign_in::SignInError;

/// A connection to one server, with patience for each question.
pub(super) struct Session {
    pub(super) ldap: ldap3::Ldap,
    pub(super) timeout: Duration,
}

impl Session {
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<LdapResult, Trouble> {
        self.ldap
            .with_timeout(self.timeout)
            .simple_bind(dn, password)
            .await
            .map_err(|error| Trouble::Server(error.to_string()))
    }

    /// The entries below `base`; with a `limit`, at most that many. Entries on
    /// other servers, to which this one only points, are not followed.
    pub(super) async fn search(
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

    pub(super) async fn end(mut self) {
        // The server notices the closed connection otherwise.
        let _ = self.ldap.unbind().await;
    }
}

/// Result codes of RFC 4511, appendix A.
pub(super) mod code {
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

/// Why one server gave no answer: the next may, or none will.
pub(super) enum Trouble {
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

/// What it means that the directory does not take a user's password.
pub(super) fn refusal(dn: &str, result: &LdapResult) -> Trouble {
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
