//! Which host a command speaks to, and as whom.

use std::env;

use super::{
    Client, ClientError, Transport,
    credentials::{Credentials, Key, Login, local_key},
};
use crate::contexts::{Context, ContextStore, Contexts};

/// What the environment says about host and token.
#[derive(Default)]
struct Environment {
    url: Option<String>,
    /// A token or an access key.
    credentials: Option<Credentials>,
}

/// The client for the named context; else for what `MUSTER_URL`, `MUSTER_TOKEN`,
/// `MUSTER_KEY_ID` and `MUSTER_KEY_SECRET` say; else for the context in use.
///
/// # Errors
/// If there is no such context, or nobody is logged in.
pub fn connect(context: Option<&str>) -> Result<Client, ClientError> {
    let set = |name| {
        env::var(name)
            .ok()
            .filter(|value: &String| !value.is_empty())
    };
    let environment = match context {
        Some(_) => Environment::default(),
        None => Environment {
            url: set("MUSTER_URL"),
            credentials: match (set("MUSTER_TOKEN"), set("MUSTER_KEY_ID")) {
                (Some(token), _) => Some(Credentials::Fixed(token)),
                (None, Some(id)) => {
                    let secret = set("MUSTER_KEY_SECRET").ok_or(ClientError::NoKeySecret)?;
                    Some(Credentials::Key(Box::new(Key::new(id, secret))))
                }
                (None, None) => None,
            },
        },
    };
    if let Environment {
        url: Some(url),
        credentials: Some(credentials),
    } = environment
    {
        // Nothing is needed from the contexts: there may be no home directory at all.
        return Ok(Client::new(Transport::new(&url)?, credentials));
    }
    let store = ContextStore::of_this_user()?;
    let contexts = store.read()?;
    select(store, &contexts, context, environment)
}

fn select(
    store: ContextStore,
    contexts: &Contexts,
    name: Option<&str>,
    environment: Environment,
) -> Result<Client, ClientError> {
    let (name, context) = match &environment.url {
        // A context's tokens go to that context's host alone.
        Some(url) => find_by_url(contexts, url)?,
        None => contexts.select(name)?,
    };
    let transport = Transport::new(&context.url)?;
    let credentials = match (environment.credentials, &context.data_dir, &context.tokens) {
        (Some(credentials), ..) => credentials,
        (None, Some(data_dir), _) => {
            let key = local_key(data_dir)?;
            Credentials::Key(Box::new(Key::new(key.id, key.secret)))
        }
        (None, None, Some(tokens)) => Credentials::Login(Box::new(Login::new(
            store,
            name,
            &context.user,
            &context.url,
            tokens.clone(),
        ))),
        (None, None, None) => {
            return Err(ClientError::NotLoggedIn {
                url: context.url.clone(),
                login: login_command(name, &context.url, &context.user),
            });
        }
    };
    Ok(Client::new(transport, credentials))
}

/// The context of a host; the one in use if there are several.
fn find_by_url<'a>(
    contexts: &'a Contexts,
    url: &str,
) -> Result<(&'a str, &'a Context), ClientError> {
    let address = Transport::new(url)?.address().to_owned();
    let current = contexts.select(None).ok();
    let others = contexts
        .contexts
        .iter()
        .map(|(name, context)| (name.as_str(), context));
    current
        .into_iter()
        .chain(others)
        .find(|(_, context)| context.url == address)
        .ok_or_else(|| {
            let login = format!("muster login --url {address} --user NAME");
            ClientError::NotLoggedIn {
                url: address,
                login,
            }
        })
}

/// The command that logs in to a context again.
pub fn login_command(context: &str, url: &str, user: &str) -> String {
    format!("muster login --url {url} --user {user} --context {context}")
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::contexts::Tokens;

    fn contexts() -> Contexts {
        let context = |url: &str, logged_in: bool| Context {
            url: url.to_owned(),
            user: "admin".to_owned(),
            data_dir: None,
            tokens: logged_in.then(|| Tokens {
                access: "a".to_owned(),
                expires_at: OffsetDateTime::now_utc(),
                refresh: "r".to_owned(),
            }),
        };
        Contexts {
            current: Some("here".to_owned()),
            contexts: [
                ("here".to_owned(), context("http://127.0.0.1:7480", true)),
                ("there".to_owned(), context("https://there.example", true)),
                ("left".to_owned(), context("https://left.example", false)),
            ]
            .into(),
        }
    }

    fn selected(
        name: Option<&str>,
        url: Option<&str>,
        token: Option<&str>,
    ) -> Result<Client, ClientError> {
        let environment = Environment {
            url: url.map(str::to_owned),
            credentials: token.map(|token| Credentials::Fixed(token.to_owned())),
        };
        select(
            ContextStore::at("/nowhere".into()),
            &contexts(),
            name,
            environment,
        )
    }

    #[test]
    fn the_context_in_use_is_the_default() {
        let client = selected(None, None, None).unwrap();
        assert_eq!(client.transport.address(), "http://127.0.0.1:7480");
        assert!(matches!(client.credentials, Credentials::Login(_)));
    }

    #[test]
    fn a_url_finds_the_login_for_that_host_and_no_other() {
        let client = selected(None, Some("https://there.example/"), None).unwrap();
        assert_eq!(client.transport.address(), "https://there.example");
        let refused = selected(None, Some("https://elsewhere.example"), None)
            .err()
            .unwrap();
        assert!(
            matches!(refused, ClientError::NotLoggedIn { .. }),
            "{refused}"
        );
    }

    #[test]
    fn a_token_takes_the_place_of_the_login() {
        let client = selected(None, None, Some("t")).unwrap();
        assert!(matches!(client.credentials, Credentials::Fixed(token) if token == "t"));
    }

    #[test]
    fn who_has_logged_out_is_told_how_to_log_in() {
        let Err(ClientError::NotLoggedIn { login, .. }) = selected(Some("left"), None, None) else {
            panic!("connected without tokens");
        };
        assert_eq!(
            login,
            "muster login --url https://left.example --user admin --context left"
        );
    }
}
