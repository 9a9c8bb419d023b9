//! The connection to the servers of a bus. It is looked for until it is there, and
//! anew when it is lost, for ever; nobody waits for it.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, ServerAddr, connection::State};
use tokio::sync::watch;

use crate::{Away, BusUrl, Channel, url::Pass};

/// The longest pause between two attempts to find a server.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a server is asked whether it is there still. It is lost when it does
/// not answer twice.
const PING: Duration = Duration::from_secs(5);

/// The bus. Clones share it.
#[derive(Clone, Default)]
pub struct Bus(Option<Arc<Nats>>);

/// How the bus is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// The servers that it may be reached by.
    pub servers: Vec<String>,
    /// The one that it is reached by now, if it is.
    pub server: Option<String>,
    /// What went wrong last, unless it is reached.
    pub problem: Option<String>,
}

pub(crate) struct Nats {
    servers: Vec<String>,
    /// `None` until the files of the URL could be read.
    client: watch::Sender<Option<Client>>,
    problem: Arc<Mutex<Option<String>>>,
}

impl Bus {
    /// The bus of a host that has all its work to itself: nothing is carried.
    #[must_use]
    pub fn in_process() -> Self {
        Self::default()
    }

    /// Connects to servers of NATS in the background, from within a Tokio runtime.
    /// `name` is what they know this host by.
    #[must_use]
    pub fn connect(url: &BusUrl, name: &str) -> Self {
        let nats = Arc::new(Nats {
            servers: url.servers(),
            client: watch::Sender::new(None),
            problem: Arc::default(),
        });
        let (weak, url, name) = (Arc::downgrade(&nats), url.clone(), name.to_owned());
        tokio::spawn(async move {
            while let Some(nats) = weak.upgrade() {
                match nats.open(&url, &name).await {
                    Ok(client) => {
                        nats.client.send_replace(Some(client));
                        return;
                    }
                    Err(problem) => {
                        tracing::warn!(problem, "the bus cannot be used; it is tried again");
                        nats.note(Some(problem));
                    }
                }
                drop(nats);
                tokio::time::sleep(LONGEST_PAUSE).await;
            }
        });
        Self(Some(nats))
    }

    /// How it is; `None` if it is in process.
    #[must_use]
    pub fn connected(&self) -> Option<Connected> {
        let nats = self.0.as_ref()?;
        let server = nats.client().ok().map(|client| {
            let info = client.server_info();
            format!("{} ({}:{})", info.server_name, info.host, info.port)
        });
        let problem = nats.client().err().map(|away| away.0);
        Some(Connected {
            servers: nats.servers.clone(),
            server,
            problem,
        })
    }

    /// What those say to each other who share the state that `key` seals.
    #[must_use]
    pub fn channel(&self, key: &[u8]) -> Channel {
        Channel::new(self.0.clone(), key)
    }
}

impl Nats {
    async fn open(self: &Arc<Self>, url: &BusUrl, name: &str) -> Result<Client, String> {
        let scheme = if url.tls { "tls" } else { "nats" };
        let servers = url.servers();
        let servers = servers
            .iter()
            .map(|server| format!("{scheme}://{server}").parse::<ServerAddr>());
        let servers: Vec<_> = servers.collect::<Result<_, _>>().map_err(told)?;
        let problem = Arc::clone(&self.problem);
        let mut options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .connection_timeout(PATIENCE)
            .ping_interval(PING)
            .require_tls(url.tls)
            .reconnect_delay_callback(pause)
            .event_callback(move |event| {
                let problem = Arc::clone(&problem);
                async move { heard(&problem, &event) }
            });
        if let Some(file) = url.file("ca") {
            options = options.add_root_certificates(file);
        }
        if let (Some(certificate), Some(key)) = (url.file("cert"), url.file("key")) {
            options = options.add_client_certificate(certificate, key);
        }
        options = match (&url.pass, url.file("token_file")) {
            (Pass::Nothing, None) => options,
            (Pass::Nothing, Some(file)) => options.token(secret(&file)?),
            (Pass::Token(token), _) => options.token(token.clone()),
            (Pass::User(user, Some(password)), _) => {
                options.user_and_password(user.clone(), password.clone())
            }
            (Pass::User(user, None), _) => {
                let file = url.file("password_file").unwrap_or_default();
                options.user_and_password(user.clone(), secret(&file)?)
            }
        };
        options.connect(servers).await.map_err(told)
    }

    /// The connection, if there is one now.
    pub(crate) fn client(&self) -> Result<Client, Away> {
        let client = self.client.borrow().clone();
        let connected = client.filter(|client| client.connection_state() == State::Connected);
        connected.ok_or_else(|| {
            let problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
            Away(
                problem
                    .clone()
                    .unwrap_or("no server lets this host in".to_owned()),
            )
        })
    }

    /// The connection once it is opened, whether there is a server or not.
    pub(crate) async fn opened(&self) -> Option<Client> {
        let mut clients = self.client.subscribe();
        let client = clients.wait_for(Option::is_some).await.ok()?;
        client.clone()
    }

    fn note(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

fn heard(problem: &Mutex<Option<String>>, event: &Event) {
    let mut problem = problem.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        Event::Connected => {
            *problem = None;
            tracing::info!("the bus is connected");
        }
        Event::Disconnected => {
            problem.get_or_insert_with(|| "no server can be reached".to_owned());
            tracing::warn!("the bus is away; what it would carry is found in the state");
        }
        Event::ServerError(_) | Event::ClientError(_) => {
            tracing::debug!(%event, "the bus says");
            *problem = Some(event.to_string());
        }
        event => tracing::debug!(%event, "the bus says"),
    }
}

fn pause(attempts: usize) -> Duration {
    let doubled = u32::try_from(attempts)
        .ok()
        .and_then(|attempts| 2_u32.checked_pow(attempts));
    let pause = Duration::from_millis(50).saturating_mul(doubled.unwrap_or(u32::MAX));
    pause.min(LONGEST_PAUSE)
}

fn secret(file: &std::path::Path) -> Result<String, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_few_seconds() {
        assert!(pause(1) < pause(3));
        for attempts in [10, 40, usize::MAX] {
            assert_eq!(pause(attempts), LONGEST_PAUSE);
        }
    }

    #[tokio::test]
    async fn a_server_that_is_away_stops_nobody() {
        let bus = Bus::connect(&"nats://127.0.0.1:1".parse().unwrap(), "test");
        let connected = bus.connected().unwrap();
        assert_eq!(connected.servers, ["127.0.0.1:1"]);
        assert_eq!(connected.server, None);
        let channel = bus.channel(b"key");
        channel.hint(crate::Hint::Leads, "me").await;
        let carried = channel.carry("mails", uuid::Uuid::nil(), 0).await;
        assert!(carried.is_err());
        assert_eq!(Bus::in_process().connected(), None);
    }
}
