//! The connection to the servers of a bus. It is looked for until it is there, and
//! anew when it is lost, for ever; nobody waits for it. Another one may take its place
//! at any time.

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_nats::{
    Client, ClientError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, connection::State,
};
use tokio::sync::watch;

use crate::{Away, BusUrl, Channel, url::Pass};

/// The longest pause between two attempts to find a server.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long a server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a server is asked whether it is there still. It is lost when it does
/// not answer twice.
const PING: Duration = Duration::from_secs(5);
/// How long what looks for a server sleeps that nobody waits for any more: it cannot
/// be ended as long as it finds none.
const GIVEN_UP: Duration = Duration::from_secs(24 * 3600);

/// The bus. Clones share it.
#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    /// What servers know this host by.
    name: String,
    nats: watch::Sender<Option<Arc<Nats>>>,
}

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
    url: BusUrl,
    /// `None` until the files of the URL could be read.
    client: watch::Sender<Option<Client>>,
    problem: Mutex<Option<String>>,
}

impl Bus {
    /// The bus of a host that has all its work to itself: nothing is carried, unless it
    /// is exchanged. `name` is what servers know this host by.
    #[must_use]
    pub fn in_process(name: &str) -> Self {
        Self(Arc::new(Inner {
            name: name.to_owned(),
            nats: watch::Sender::new(None),
        }))
    }

    /// Connects to servers of NATS in the background, from within a Tokio runtime.
    /// `name` is what they know this host by.
    #[must_use]
    pub fn connect(url: &BusUrl, name: &str) -> Self {
        let bus = Self::in_process(name);
        bus.exchange(Some(url));
        bus
    }

    /// Goes to other servers, or to none, from within a Tokio runtime. Whoever listens
    /// hears what is said there from then on; what the servers have that were left
    /// stays there, and is found in the state.
    pub fn exchange(&self, url: Option<&BusUrl>) {
        self.0.nats.send_if_modified(|nats| {
            let same = nats.as_ref().map(|nats| &nats.url) == url;
            if !same {
                *nats = url.map(|url| Nats::look_for(url.clone(), self.0.name.clone()));
            }
            !same
        });
    }

    /// How it is; `None` if it is in process.
    #[must_use]
    pub fn connected(&self) -> Option<Connected> {
        let nats = self.0.nats.borrow().clone()?;
        let server = nats.client().ok().map(|client| {
            let info = client.server_info();
            format!("{} ({}:{})", info.server_name, info.host, info.port)
        });
        let problem = nats.client().err().map(|away| away.0);
        Some(Connected {
            servers: nats.url.servers(),
            server,
            problem,
        })
    }

    /// What those say to each other who share the state that `key` seals.
    #[must_use]
    pub fn channel(&self, key: &[u8]) -> Channel {
        Channel::new(self.0.nats.subscribe(), key)
    }
}

impl Nats {
    /// Looks for servers until one lets this host in, or nobody wants it any more.
    fn look_for(url: BusUrl, name: String) -> Arc<Self> {
        let nats = Arc::new(Self {
            url,
            client: watch::Sender::new(None),
            problem: Mutex::default(),
        });
        let weak = Arc::downgrade(&nats);
        tokio::spawn(async move {
            while let Some(nats) = weak.upgrade() {
                match nats.open(&name).await {
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
        nats
    }

    async fn open(self: &Arc<Self>, name: &str) -> Result<Client, String> {
        let url = &self.url;
        let scheme = if url.tls { "tls" } else { "nats" };
        let servers = url.servers();
        let servers = servers
            .iter()
            .map(|server| format!("{scheme}://{server}").parse::<ServerAddr>());
        let servers: Vec<_> = servers.collect::<Result<_, _>>().map_err(told)?;
        let (here, heard_by) = (Arc::downgrade(self), Arc::downgrade(self));
        let mut options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .connection_timeout(PATIENCE)
            .ping_interval(PING)
            .require_tls(url.tls)
            .reconnect_delay_callback(move |attempts| match here.strong_count() {
                0 => GIVEN_UP,
                _ => pause(attempts),
            })
            .event_callback(move |event| {
                let nats = Weak::clone(&heard_by);
                async move {
                    if let Some(nats) = nats.upgrade() {
                        nats.heard(&event);
                    }
                }
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

    fn heard(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.note(None);
                tracing::info!("the bus is connected");
            }
            Event::Disconnected => {
                let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
                problem.get_or_insert_with(|| "no server can be reached".to_owned());
                tracing::warn!("the bus is away; what it would carry is found in the state");
            }
            // All that is told of a connection which does not come about.
            Event::ClientError(ClientError::Other(text))
                if *text == ConnectErrorKind::Io.to_string() =>
            {
                let mut problem = "no server can be reached".to_owned();
                if self.url.tls {
                    problem += ", or its certificate is not trusted: it has to be for the name in the URL, of an authority in the file 'ca' or one that the machine trusts";
                }
                self.note(Some(problem));
            }
            Event::ServerError(_) | Event::ClientError(_) => {
                tracing::debug!(%event, "the bus says");
                self.note(Some(event.to_string()));
            }
            event => tracing::debug!(%event, "the bus says"),
        }
    }

    fn note(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
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
    async fn a_channel_goes_where_its_bus_goes() {
        let bus = Bus::in_process("test");
        let channel = bus.channel(b"key");
        assert!(!channel.carries());
        let url: BusUrl = "nats://127.0.0.1:1".parse().unwrap();
        bus.exchange(Some(&url));
        let first = Arc::downgrade(bus.0.nats.borrow().as_ref().unwrap());
        bus.exchange(Some(&url));
        assert_eq!(first.strong_count(), 1, "it is the same");
        assert!(channel.carries());
        let other: BusUrl = "nats://127.0.0.1:2".parse().unwrap();
        bus.exchange(Some(&other));
        assert_eq!(bus.connected().unwrap().servers, ["127.0.0.1:2"]);
        bus.exchange(None);
        assert!(!channel.carries());
        assert_eq!(bus.connected(), None);
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
        assert_eq!(Bus::in_process("test").connected(), None);
    }
}
