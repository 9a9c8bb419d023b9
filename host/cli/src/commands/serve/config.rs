//! Where a host's configuration comes from: flag, environment, file, default,
//! in this order. Clap sees to the first two.

use std::{
    collections::BTreeMap,
    env, fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use muster_api::{config::Secret, hosts::HostMode, units::ByteSize};
use muster_server::{
    BlockOptions, BusUrl, BusUrlError, Credentials, DatabaseUrl, DatabaseUrlError, LinkOptions,
    Place,
};
use serde::Deserialize;

use super::{
    ServeArgs,
    logging::{LogConfig, LogFormat},
};
use crate::{failure::Failure, manifest::malformed};

const FILE: &str = "host.toml";

/// How many bytes of blocks on a server also lie here unless told.
const BLOCKS_CACHE: u64 = 10 << 30;

/// What a `host.toml` may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConfigFile {
    data_dir: Option<PathBuf>,
    management: Option<SocketAddr>,
    apps: Option<SocketAddr>,
    app_addresses: Vec<String>,
    balancer: Option<SocketAddr>,
    balancer_tls: Option<SocketAddr>,
    name: Option<String>,
    app_domain: Option<String>,
    peers: Option<SocketAddr>,
    peer_addresses: Vec<String>,
    mode: Option<HostMode>,
    multi_node: Option<bool>,
    zone: Option<String>,
    database_url: Option<String>,
    bus_url: Option<String>,
    labels: BTreeMap<String, String>,
    blocks_url: Option<String>,
    blocks_cache: Option<ByteSize>,
    blocks_access_key: String,
    blocks_secret_key: Secret,
    blocks_session_token: Secret,
    log_format: Option<LogFormat>,
    log: Option<String>,
    log_to: Vec<String>,
}

/// What holds in the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the host keeps everything.
    pub data_dir: PathBuf,
    /// Where the API listens.
    pub management: SocketAddr,
    /// Where apps are reached.
    pub apps: SocketAddr,
    /// Where a load balancer listens.
    pub balancer: SocketAddr,
    /// Where it listens for TLS.
    pub balancer_tls: SocketAddr,
    /// The host's name; the machine's if none.
    pub name: Option<String>,
    /// The domain of apps without a route of their own.
    pub app_domain: String,
    /// How the host may be linked with others.
    pub links: LinkOptions,
    /// The database with the group's state, if it is not a file of the host.
    pub database: Option<DatabaseUrl>,
    /// The bus, if there is one.
    pub bus: Option<BusUrl>,
    /// Where the host keeps its blocks.
    pub blocks: BlockOptions,
    /// What is logged, how, and where to.
    pub logging: LogConfig,
}

impl Config {
    /// Puts flags, environment, file and defaults together.
    ///
    /// # Errors
    /// If the file is named and missing, or wrong, or there is no place for data.
    pub fn resolve(args: ServeArgs) -> Result<Self, Failure> {
        Self::resolve_with(args, data_home())
    }

    fn resolve_with(args: ServeArgs, data_home: Option<PathBuf>) -> Result<Self, Failure> {
        let usual = data_home.map(in_home);
        let file = match (&args.config, args.data_dir.as_ref().or(usual.as_ref())) {
            (Some(path), _) => read(path, true)?,
            (None, Some(directory)) => read(&directory.join(FILE), false)?,
            (None, None) => ConfigFile::default(),
        };
        let data_dir = args.data_dir.or(file.data_dir).or(usual);
        let data_dir = data_dir.ok_or_else(homeless)?;
        let blocks = BlockOptions {
            place: args.blocks_url.map_or_else(
                || place(file.blocks_url.as_deref()),
                |place| Ok(Some(place)),
            )?,
            credentials: credentials(
                Credentials {
                    access_key: file.blocks_access_key,
                    secret_key: file.blocks_secret_key,
                    session_token: file.blocks_session_token,
                },
                |name| env::var(name).ok(),
            ),
            cache: args
                .blocks_cache
                .or(file.blocks_cache)
                .map_or(BLOCKS_CACHE, |size| size.0),
        };
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let everywhere = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        let apps = args.apps.or(file.apps).unwrap_or(local(8080));
        Ok(Self {
            data_dir,
            management: args.management.or(file.management).unwrap_or(local(7480)),
            apps,
            balancer: args.balancer.or(file.balancer).unwrap_or(everywhere(80)),
            balancer_tls: args
                .balancer_tls
                .or(file.balancer_tls)
                .unwrap_or(everywhere(443)),
            name: args.name.or(file.name),
            app_domain: args
                .app_domain
                .or(file.app_domain)
                .unwrap_or("localhost".to_owned()),
            links: LinkOptions {
                peers: args.peers.or(file.peers).unwrap_or(everywhere(7444)),
                peer_addresses: if args.peer_address.is_empty() {
                    file.peer_addresses
                } else {
                    args.peer_address
                },
                apps,
                app_addresses: if args.app_address.is_empty() {
                    file.app_addresses
                } else {
                    args.app_address
                },
                mode: args.mode.map(Into::into).or(file.mode).unwrap_or_default(),
                multi_node: args.multi_node.or(file.multi_node).unwrap_or(true),
                zone: args.zone.or(file.zone),
                labels: file.labels.into_iter().chain(args.label).collect(),
            },
            database: args
                .database_url
                .or(file.database_url)
                .map(|url| database(&url))
                .transpose()?,
            bus: args.bus_url.or(file.bus_url).map(bus).transpose()?,
            blocks,
            logging: LogConfig {
                explicit: args.log_format.is_some()
                    || args.log.is_some()
                    || !args.log_to.is_empty(),
                format: args.log_format.or(file.log_format).unwrap_or_default(),
                filter: args.log.or(file.log).unwrap_or("info".to_owned()),
                to: if args.log_to.is_empty() {
                    file.log_to
                } else {
                    args.log_to
                },
            },
        })
    }
}

fn place(text: Option<&str>) -> Result<Option<Place>, Failure> {
    let place = text.map(str::parse::<Place>).transpose();
    place.map_err(|error| Failure::usage(format!("blocks_url: {error}")))
}

/// What the S3 server knows the host by: from the environment, or else from the
/// file. An id never goes with the secret of another one.
fn credentials(file: Credentials, variable: impl Fn(&str) -> Option<String>) -> Credentials {
    let told = |name: &str| variable(name).unwrap_or_default();
    let access_key = told("MUSTER_BLOCKS_ACCESS_KEY");
    if access_key.is_empty() {
        return file;
    }
    Credentials {
        access_key,
        secret_key: Secret::new(told("MUSTER_BLOCKS_SECRET_KEY")),
        session_token: Secret::new(told("MUSTER_BLOCKS_SESSION_TOKEN")),
    }
}

/// Where a host of this user keeps its data unless told.
///
/// # Errors
/// If there is no home directory.
pub fn usual_data_dir() -> Result<PathBuf, Failure> {
    data_home().map(in_home).ok_or_else(homeless)
}

fn data_home() -> Option<PathBuf> {
    let base = |variable: &str| {
        env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = base("HOME").map(|home| home.join(".local/share"));
    base("XDG_DATA_HOME").or(home)
}

fn in_home(home: PathBuf) -> PathBuf {
    home.join("muster")
}

fn homeless() -> Failure {
    Failure::usage("there is no home directory to keep data in")
        .hint("name a directory with --data-dir")
}

/// Reads the URL of a database; clap would show the password of one that is wrong.
///
/// # Errors
/// If it is none.
pub(crate) fn database(url: &str) -> Result<DatabaseUrl, Failure> {
    url.parse()
        .map_err(|error: DatabaseUrlError| Failure::usage(format!("the database: {error}")))
}

/// The same for a bus.
fn bus(url: String) -> Result<BusUrl, Failure> {
    url.parse()
        .map_err(|error: BusUrlError| Failure::usage(format!("the URL of the bus: {error}")))
}

fn read(path: &Path, required: bool) -> Result<ConfigFile, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => {
            return Ok(ConfigFile::default());
        }
        Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
    };
    let mut file: ConfigFile =
        toml::from_str(&text).map_err(|error| malformed(path, &text, error))?;
    // A path in a file means the same wherever the host is started from.
    file.data_dir = file.data_dir.map(|data| match path.parent() {
        Some(directory) => directory.join(data),
        None => data,
    });
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        let home = tempfile::tempdir().unwrap();
        let config =
            Config::resolve_with(ServeArgs::default(), Some(home.path().to_owned())).unwrap();
        assert_eq!(
            config,
            Config {
                data_dir: home.path().join("muster"),
                management: address("127.0.0.1:7480"),
                apps: address("127.0.0.1:8080"),
                balancer: address("0.0.0.0:80"),
                balancer_tls: address("0.0.0.0:443"),
                name: None,
                app_domain: "localhost".to_owned(),
                links: LinkOptions {
                    peers: address("0.0.0.0:7444"),
                    peer_addresses: Vec::new(),
                    apps: address("127.0.0.1:8080"),
                    app_addresses: Vec::new(),
                    mode: HostMode::Agent,
                    multi_node: true,
                    zone: None,
                    labels: BTreeMap::new(),
                },
                database: None,
                bus: None,
                blocks: BlockOptions {
                    cache: BLOCKS_CACHE,
                    ..BlockOptions::default()
                },
                logging: LogConfig {
                    format: LogFormat::Text,
                    filter: "info".to_owned(),
                    to: Vec::new(),
                    explicit: false,
                },
            }
        );
    }

    #[test]
    fn the_file_in_the_data_directory_counts_and_flags_win() {
        let data = tempfile::tempdir().unwrap();
        let text = "management = \"127.0.0.2:1\"\napps = \"127.0.0.2:2\"\nname = \"edge\"\nlog_format = \"json\"\nlog_to = [\"file:a.log\"]\n";
        fs::write(data.path().join(FILE), text).unwrap();
        let args = ServeArgs {
            data_dir: Some(data.path().to_owned()),
            apps: Some(address("127.0.0.3:3")),
            ..ServeArgs::default()
        };
        let config = Config::resolve_with(args, None).unwrap();
        assert_eq!(config.management, address("127.0.0.2:1"));
        assert_eq!(config.apps, address("127.0.0.3:3"));
        assert_eq!(config.name.as_deref(), Some("edge"));
        assert_eq!(config.logging.format, LogFormat::Json);
        assert_eq!(config.logging.to, ["file:a.log"]);
        assert!(!config.logging.explicit, "a file is not a flag");
    }

    #[test]
    fn blocks_are_where_flag_or_file_say_and_keys_go_together() {
        let data = tempfile::tempdir().unwrap();
        let text = "blocks_url = \"s3://one?region=x\"\nblocks_cache = \"1GiB\"\nblocks_access_key = \"a\"\nblocks_secret_key = \"hunter2\"\n";
        fs::write(data.path().join(FILE), text).unwrap();
        let args = |blocks_url: Option<&str>| ServeArgs {
            data_dir: Some(data.path().to_owned()),
            blocks_url: blocks_url.map(|url| url.parse().unwrap()),
            ..ServeArgs::default()
        };
        let config = Config::resolve_with(args(None), None).unwrap();
        let place = config.blocks.place.clone().unwrap();
        assert_eq!(place.to_string(), "s3://one?region=x");
        assert_eq!(config.blocks.cache, 1 << 30);
        assert_eq!(config.blocks.credentials.secret_key.expose(), "hunter2");
        assert!(!format!("{config:?}").contains("hunter2"));
        let config = Config::resolve_with(args(Some("local")), None).unwrap();
        assert_eq!(config.blocks.place, Some(Place::Local));

        let file = config.blocks.credentials;
        let told = credentials(file.clone(), |name| {
            (name == "MUSTER_BLOCKS_ACCESS_KEY").then(|| "b".to_owned())
        });
        assert_eq!(told.access_key, "b");
        assert!(told.secret_key.is_empty(), "it is another key's");
        assert_eq!(credentials(file.clone(), |_| None), file);

        fs::write(data.path().join(FILE), "blocks_url = \"/srv\"").unwrap();
        let failure = Config::resolve_with(args(None), None).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn the_bus_is_where_flag_or_file_say() {
        let data = tempfile::tempdir().unwrap();
        let args = |bus_url: Option<&str>| ServeArgs {
            data_dir: Some(data.path().to_owned()),
            bus_url: bus_url.map(str::to_owned),
            ..ServeArgs::default()
        };
        fs::write(
            data.path().join(FILE),
            "bus_url = \"nats://hunter2@a,b:4333\"",
        )
        .unwrap();
        let config = Config::resolve_with(args(None), None).unwrap();
        assert_eq!(config.bus.clone().unwrap().servers(), ["a:4222", "b:4333"]);
        assert!(!format!("{config:?}").contains("hunter2"));
        let config = Config::resolve_with(args(Some("tls://c")), None).unwrap();
        assert_eq!(config.bus.unwrap().to_string(), "tls://c:4222");
        fs::write(data.path().join(FILE), "bus_url = \"amqp://u:hunter2@a\"").unwrap();
        for told in [None, Some("nats://u:hunter2@a:b")] {
            let failure = Config::resolve_with(args(told), None).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            let text = failure.text();
            assert!(text.contains("the URL of the bus"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_database_that_is_none_is_told_without_its_password() {
        let data = tempfile::tempdir().unwrap();
        let args = ServeArgs {
            data_dir: Some(data.path().to_owned()),
            database_url: Some("postgres://u:hunter2@a:b/muster".to_owned()),
            ..ServeArgs::default()
        };
        let failure = Config::resolve_with(args, None).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let text = failure.text();
        assert!(text.contains("the database"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_data_directory_in_a_file_starts_from_that_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.toml");
        fs::write(&path, "data_dir = \"data\"").unwrap();
        let args = ServeArgs {
            config: Some(path),
            ..ServeArgs::default()
        };
        let config = Config::resolve_with(args, None).unwrap();
        assert_eq!(config.data_dir, folder.path().join("data"));
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.toml");
        for text in [
            "port = 1",
            "management = \"here\"",
            "log_format = \"xml\"",
            "=",
        ] {
            fs::write(&path, text).unwrap();
            let args = ServeArgs {
                config: Some(path.clone()),
                ..ServeArgs::default()
            };
            let failure = Config::resolve_with(args, None).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{text}");
            assert!(
                failure.text().contains("host.toml, line 1"),
                "{}",
                failure.text()
            );
        }
        let gone = ServeArgs {
            config: Some(folder.path().join("gone")),
            ..ServeArgs::default()
        };
        assert_eq!(
            Config::resolve_with(gone, None).unwrap_err().exit,
            Exit::Usage
        );
        assert_eq!(
            Config::resolve_with(ServeArgs::default(), None)
                .unwrap_err()
                .exit,
            Exit::Usage
        );
    }
}
