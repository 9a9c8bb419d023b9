//! What shows who is asking, and how it is kept fresh.

use std::{fs, io, path::Path};

use muster_api::{
    keys::{INTERNAL_KEY_FILE, LocalKey},
    tokens::TokenRequest,
};
use tokio::{sync::Mutex, task};

use super::{ClientError, Transport, login_command};
use crate::contexts::{ContextError, ContextStore, Tokens};

/// What shows who is asking.
pub enum Credentials {
    /// The access token of `MUSTER_TOKEN`, as it is.
    Fixed(String),
    /// The login of a context.
    Login(Box<Login>),
    /// An access key.
    Key(Box<Key>),
}

/// An access key, and the access token that it bought.
pub struct Key {
    id: String,
    secret: String,
    token: Mutex<Option<String>>,
}

impl Key {
    /// A key that has bought nothing yet.
    pub fn new(id: String, secret: String) -> Self {
        Self {
            id,
            secret,
            token: Mutex::default(),
        }
    }

    async fn buy(&self, transport: &Transport) -> Result<String, ClientError> {
        let request = TokenRequest {
            grant_type: "client_credentials".to_owned(),
            client_id: Some(self.id.clone()),
            client_secret: Some(self.secret.clone()),
            ..TokenRequest::default()
        };
        Ok(transport.tokens(request).await?.access_token)
    }
}

/// The internal key of the host that has this data directory.
///
/// # Errors
/// If its file cannot be read, or is something else.
pub fn local_key(data_dir: &Path) -> Result<LocalKey, ClientError> {
    let path = data_dir.join(INTERNAL_KEY_FILE);
    let failed = |source: io::Error| ClientError::LocalKey {
        path: path.clone(),
        source,
    };
    let bytes = fs::read(&path).map_err(failed)?;
    serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))
}

/// The login of a context. Other processes may use and renew the same one.
pub struct Login {
    store: ContextStore,
    context: String,
    /// The command that logs in again, for whoever has to.
    command: String,
    tokens: Mutex<Tokens>,
}

impl Login {
    /// A login as it was read from the store.
    pub fn new(store: ContextStore, context: &str, user: &str, url: &str, tokens: Tokens) -> Self {
        Self {
            store,
            context: context.to_owned(),
            command: login_command(context, url, user),
            tokens: Mutex::new(tokens),
        }
    }

    /// Tokens that are not stale and not the refused one: those that another
    /// process has stored meanwhile, or new ones from the host.
    async fn renew(
        &self,
        transport: &Transport,
        current: &mut Tokens,
        refused: Option<&str>,
    ) -> Result<(), ClientError> {
        let store = self.store.clone();
        // Held until the new tokens are stored: a refresh token serves once.
        let lock = task::spawn_blocking(move || store.lock())
            .await
            .map_err(|_| ClientError::Interrupted)??;
        let mut contexts = self.store.read()?;
        let Some(stored) = contexts.contexts.get_mut(&self.context) else {
            return Err(ContextError::Unknown {
                name: self.context.clone(),
            }
            .into());
        };
        let Some(tokens) = stored.tokens.as_mut() else {
            return Err(self.expired());
        };
        if tokens.is_stale() || refused == Some(tokens.access.as_str()) {
            let request = TokenRequest {
                grant_type: "refresh_token".to_owned(),
                refresh_token: Some(tokens.refresh.clone()),
                ..TokenRequest::default()
            };
            let reply = transport
                .tokens(request)
                .await
                .map_err(|error| match error {
                    ClientError::SignIn(_) => self.expired(),
                    error => error,
                })?;
            *tokens = Tokens::from_reply(reply);
            *current = tokens.clone();
            lock.write(&contexts)?;
        } else {
            *current = tokens.clone();
        }
        Ok(())
    }

    fn expired(&self) -> ClientError {
        ClientError::LoginExpired {
            login: self.command.clone(),
        }
    }
}

impl Credentials {
    /// An access token that should be good.
    ///
    /// # Errors
    /// If the login has ended, or cannot be renewed.
    pub async fn access(&self, transport: &Transport) -> Result<String, ClientError> {
        match self {
            Self::Fixed(token) => Ok(token.clone()),
            Self::Key(key) => {
                let mut token = key.token.lock().await;
                if let Some(token) = token.as_ref() {
                    return Ok(token.clone());
                }
                Ok(token.insert(key.buy(transport).await?).clone())
            }
            Self::Login(login) => {
                let mut tokens = login.tokens.lock().await;
                if tokens.is_stale() {
                    login.renew(transport, &mut tokens, None).await?;
                }
                Ok(tokens.access.clone())
            }
        }
    }

    /// Another access token, after the host has refused this one.
    ///
    /// # Errors
    /// If there is none to be had.
    pub async fn renew(&self, transport: &Transport, refused: &str) -> Result<String, ClientError> {
        match self {
            Self::Fixed(_) => Err(ClientError::TokenRefused {
                url: transport.address().to_owned(),
            }),
            Self::Key(key) => {
                let mut token = key.token.lock().await;
                if token.as_deref() == Some(refused) {
                    *token = Some(key.buy(transport).await?);
                }
                Ok(token.clone().unwrap_or_default())
            }
            Self::Login(login) => {
                let mut tokens = login.tokens.lock().await;
                if tokens.access == refused {
                    login.renew(transport, &mut tokens, Some(refused)).await?;
                }
                Ok(tokens.access.clone())
            }
        }
    }
}
