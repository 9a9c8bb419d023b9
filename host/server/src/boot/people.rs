//! What there is for people and programs: who they are, and what they may do.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use muster_bus::Channel;
use muster_identity::seal::Sealer;
use muster_store::Store;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    control::{
        accounts::Accounts,
        activations::Activations,
        authorization::Authorization,
        config::Config,
        error::ControlError,
        factors::Factors,
        failures::Strangers,
        keys::Keys,
        passwords::Passwords,
        post::Post,
        sealing,
        sessions::Sessions,
        sign_in::{Methods, SignIn},
        sign_ups::SignUps,
        tokens::Tokens,
        users::Users,
    },
    data_dir::DataDir,
};

/// The setting of a shared state that says who tokens are from.
const ISSUER: &str = "tokens.issuer";

/// The domains that have to do with people.
pub(super) struct People {
    pub(super) config: Config,
    pub(super) tokens: Tokens,
    pub(super) methods: Methods,
    pub(super) sessions: Sessions,
    pub(super) sign_in: SignIn,
    pub(super) factors: Factors,
    pub(super) authorization: Authorization,
    pub(super) keys: Keys,
    pub(super) users: Users,
    pub(super) accounts: Accounts,
    pub(super) activations: Activations,
    pub(super) sign_ups: SignUps,
    pub(super) post: Post,
}

impl People {
    /// Reads the configuration and the signing keys, and makes what a first
    /// start needs. `listens` is where the API is.
    pub(super) async fn open(
        store: &Store,
        dir: &Arc<DataDir>,
        sealer: Sealer,
        listens: SocketAddr,
        shared: bool,
    ) -> Result<Self, ControlError> {
        sealing::adopt(store, &sealer).await?;
        let issuer = issuer(store, listens, shared).await?;
        let config = Config::open(store.clone(), sealer.clone()).await?;
        let tokens = Tokens::open(store.clone(), config.clone(), sealer.clone(), &issuer).await?;
        let passwords = Passwords::new(config.clone())?;
        let methods = Methods::new(config.clone());
        let post = Post::new(store.clone(), config.clone(), format!("http://{listens}"));
        let sessions = Sessions {
            store: store.clone(),
            tokens: tokens.clone(),
        };
        let factors = Factors {
            store: store.clone(),
            config: config.clone(),
            passwords: passwords.clone(),
            sealer,
            address: listens,
        };
        let sign_in = SignIn {
            store: store.clone(),
            config: config.clone(),
            sessions: sessions.clone(),
            passwords: passwords.clone(),
            methods: methods.clone(),
            strangers: Strangers::default(),
            factors: factors.clone(),
        };
        let keys = Keys {
            store: store.clone(),
            tokens: tokens.clone(),
            factors: factors.clone(),
            dir: Arc::clone(dir),
            url: local_url(listens),
        };
        keys.ensure_internal(listens.ip()).await?;
        Ok(Self {
            authorization: Authorization {
                store: store.clone(),
                config: config.clone(),
                sign_in: sign_in.clone(),
                factors: factors.clone(),
                listens,
            },
            users: Users {
                store: store.clone(),
                passwords: passwords.clone(),
                factors: factors.clone(),
            },
            accounts: Accounts {
                store: store.clone(),
                post: post.clone(),
                passwords: passwords.clone(),
            },
            sign_ups: SignUps {
                store: store.clone(),
                config: config.clone(),
                methods: methods.clone(),
                post: post.clone(),
                passwords: passwords.clone(),
            },
            activations: Activations {
                store: store.clone(),
                post: post.clone(),
                passwords,
            },
            config,
            tokens,
            methods,
            sessions,
            sign_in,
            factors,
            keys,
            post,
        })
    }

    /// Keeps up with the configuration and sends mail, until the host stops.
    pub(super) fn keep_up(
        &self,
        channel: &Channel,
        tasks: &TaskTracker,
        ending: &CancellationToken,
    ) {
        tasks.spawn(self.tokens.clone().keep_up(ending.clone()));
        tasks.spawn(self.methods.clone().keep_up(ending.clone()));
        let post = self.post.clone();
        tasks.spawn(post.run(channel.clone(), ending.clone()));
    }
}

/// Who tokens are from unless somebody has settled it. Hosts that share a state take
/// each other's tokens, so that it is the same for all of them: as the first one had
/// it.
async fn issuer(store: &Store, listens: SocketAddr, shared: bool) -> Result<String, ControlError> {
    let ours = format!("http://{listens}");
    if !shared {
        return Ok(ours);
    }
    let kept = store
        .write(move |tx| {
            Box::pin(async move {
                if let Some(kept) = tx.setting_get::<String>(ISSUER).await? {
                    return Ok(kept);
                }
                tx.setting_put(ISSUER, &ours).await?;
                Ok(ours)
            })
        })
        .await?;
    Ok(kept)
}

/// The API's address for whoever is on this machine.
fn local_url(listening: SocketAddr) -> String {
    let mut address = listening;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}
