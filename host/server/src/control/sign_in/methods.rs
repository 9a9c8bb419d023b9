//! The methods as they are configured, ready to be asked.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use muster_api::{
    config::{
        captcha::Captcha as CaptchaSettings,
        sign_in::{LOCAL, SignIn as Settings, SignInMethod, SignInPolicy},
    },
    identities::{MethodOffer, MethodStyle},
};
use muster_identity::{
    captcha::{Captcha, puzzle::Puzzles},
    sign_in::{Method, Style, method},
};
use tokio_util::sync::CancellationToken;

use super::SignInError;
use crate::control::config::Config;

struct Ready {
    methods: BTreeMap<String, Arc<dyn Method>>,
    policies: BTreeMap<String, SignInPolicy>,
    captcha: Arc<Captcha>,
    captcha_settings: CaptchaSettings,
}

/// The methods that are on, and the check for bots. Clones share them.
#[derive(Clone)]
pub(crate) struct Methods {
    config: Config,
    ready: Arc<ArcSwap<Ready>>,
}

impl Methods {
    pub(crate) fn new(config: Config) -> Self {
        let ready = prepare(&config, None);
        Self {
            config,
            ready: Arc::new(ArcSwap::from_pointee(ready)),
        }
    }

    /// Takes over what is configured, until the host stops.
    pub(crate) async fn keep_up(self, ending: CancellationToken) {
        let mut changes = self.config.changes();
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                _ = changes.changed() => {}
            }
            let ready = prepare(&self.config, Some(&self.ready.load()));
            self.ready.store(Arc::new(ready));
        }
    }

    /// Whether passwords that are kept here are accepted.
    pub(crate) fn has_local(&self) -> bool {
        let settings = self.config.get::<Settings>();
        let local = |method: &SignInMethod| method.enabled && method.settings.kind() == LOCAL;
        settings.methods.iter().any(local)
    }

    /// A method that is on, other than the local one.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<dyn Method>, SignInError> {
        let found = self.ready.load().methods.get(name).cloned();
        found.ok_or_else(|| {
            SignInError::refused(
                "access_denied",
                &format!("there is no sign-in method '{name}'"),
            )
        })
    }

    /// The methods that are on, in the order in which they are offered.
    pub(crate) fn offers(&self) -> Vec<MethodOffer> {
        let ready = self.ready.load();
        let settings = self.config.get::<Settings>();
        let on = settings.methods.into_iter().filter(|method| method.enabled);
        on.filter_map(|described| {
            let style = match ready.methods.get(&described.name) {
                Some(method) => match method.style() {
                    Style::Password => MethodStyle::Password,
                    Style::Redirect => MethodStyle::Redirect,
                    Style::ProxyHeaders => MethodStyle::ProxyHeaders,
                },
                None if described.settings.kind() == LOCAL => MethodStyle::Password,
                None => return None,
            };
            Some(MethodOffer {
                kind: described.settings.kind().to_owned(),
                name: described.name,
                label: described.label,
                style,
            })
        })
        .collect()
    }

    /// What becomes of people whom a method vouches for.
    pub(crate) fn policy(&self, name: &str) -> SignInPolicy {
        let ready = self.ready.load();
        ready.policies.get(name).copied().unwrap_or_default()
    }

    /// The check for bots.
    pub(crate) fn captcha(&self) -> Arc<Captcha> {
        Arc::clone(&self.ready.load().captcha)
    }
}

/// Sets the methods up. One that cannot work is left out and told in the log;
/// puzzles that are out stay good if nothing about them has changed.
fn prepare(config: &Config, before: Option<&Ready>) -> Ready {
    let settings = config.get::<Settings>();
    let mut methods = BTreeMap::new();
    let mut policies = BTreeMap::new();
    for described in settings.methods.iter().filter(|method| method.enabled) {
        match method(described) {
            Ok(Some(method)) => {
                methods.insert(described.name.clone(), method);
                policies.insert(described.name.clone(), described.policy);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(
                    method = described.name,
                    detail = error.detail(),
                    "a sign-in method is left out"
                );
            }
        }
    }
    let captcha_settings = config.get::<CaptchaSettings>();
    let same = before.filter(|before| before.captcha_settings == captcha_settings);
    Ready {
        methods,
        policies,
        captcha: match same {
            Some(before) => Arc::clone(&before.captcha),
            None => Arc::new(captcha(&captcha_settings)),
        },
        captcha_settings,
    }
}

/// The check for bots; the built-in one if what is configured cannot work.
fn captcha(settings: &CaptchaSettings) -> Captcha {
    Captcha::new(settings).unwrap_or_else(|error| {
        tracing::error!(%error, "the check for bots does not work as configured; the built-in puzzle takes its place");
        Captcha::Puzzle(Puzzles::new(&settings.puzzle))
    })
}
