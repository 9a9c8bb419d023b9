//! What tells people from bots, as it is configured.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use muster_api::{captcha::CaptchaChallenge, config::captcha::Captcha as Settings};
use muster_identity::captcha::{Captcha, CaptchaError};
use muster_store::Store;

use super::{config::section, error::ControlError};

/// Asks for proofs that it is no bot who asks.
#[derive(Clone)]
pub(crate) struct Captchas {
    store: Store,
    /// Puzzles are remembered until they are solved, so one stays until the
    /// configuration changes.
    kept: Arc<Mutex<Option<(Settings, Arc<Captcha>)>>>,
}

impl Captchas {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            kept: Arc::default(),
        }
    }

    /// How it is configured.
    pub(crate) async fn settings(&self) -> Result<Settings, ControlError> {
        section(&self.store, "captcha").await
    }

    /// What a client is to do.
    pub(crate) async fn challenge(&self) -> Result<CaptchaChallenge, ControlError> {
        let captcha = self.captcha().await?;
        captcha.challenge(muster_store::now()).map_err(refused)
    }

    /// Checks a proof, and uses it up. `from` is the address of the client.
    pub(crate) async fn verify(
        &self,
        proof: Option<&str>,
        from: Option<&str>,
    ) -> Result<(), ControlError> {
        let from: Option<IpAddr> = from.and_then(|from| from.parse().ok());
        let captcha = self.captcha().await?;
        let good = captcha.verify(proof, from, muster_store::now()).await;
        good.map_err(refused)
    }

    async fn captcha(&self) -> Result<Arc<Captcha>, ControlError> {
        let settings = self.settings().await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, captcha)) = kept.as_ref()
            && *of == settings
        {
            return Ok(Arc::clone(captcha));
        }
        let captcha = Arc::new(Captcha::new(&settings).map_err(refused)?);
        *kept = Some((settings, Arc::clone(&captcha)));
        Ok(captcha)
    }
}

fn refused(error: CaptchaError) -> ControlError {
    let message = error.to_string();
    match error {
        CaptchaError::Missing
        | CaptchaError::Wrong(_)
        | CaptchaError::Expired
        | CaptchaError::Used => ControlError::invalid("captcha", message),
        CaptchaError::Busy | CaptchaError::Unreachable(_) | CaptchaError::Configuration(_) => {
            tracing::warn!(error = message, "nobody can show that they are no bot");
            ControlError::Conflict {
                code: "captcha-unavailable",
                message: "it cannot be checked now whether you are a bot".to_owned(),
                remedy: "try again in a few minutes".to_owned(),
            }
        }
    }
}
