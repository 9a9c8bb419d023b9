//! The follower's side: what is to run in the group, as the leader tells it. It
//! is kept, so that the host goes on with it while the leader is away, and after
//! a start of its own.

use std::{pin::pin, sync::Arc, time::Duration};

use muster_peering::{membership::joiner::State, tls::leader_config};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    ControlError, Links, damaged,
    own::{self, Kept},
    telling::Followed,
};
use crate::peers::{
    Patience, WORDS_ALPN, call,
    state::{News, StateAsked, StateTold},
};

/// How long to wait before a leader is asked again that did not answer, and
/// whether this host follows anybody.
const PAUSE: Duration = Duration::from_secs(1);
/// How long whoever links a host waits at most until it routes as its group does,
/// and how often it is looked.
const SETTLED: Duration = Duration::from_secs(5);
const MOMENT: Duration = Duration::from_millis(5);

impl Links {
    /// Listens to what the leader tells, as long as this host has one.
    pub(crate) async fn listen(self, stop: CancellationToken) {
        let mut seated = self.0.roles.seated();
        let mut answered = false;
        loop {
            let mut changed = pin!(self.changed());
            seated.mark_unchanged();
            let asked = tokio::select! {
                asked = self.ask_for_news() => asked,
                // Such as whom to ask.
                () = &mut changed => continue,
                // What is told depends on the roles.
                _ = seated.changed() => continue,
                () = stop.cancelled() => return,
            };
            let pause = match asked {
                Ok(true) => Duration::ZERO,
                Ok(false) => PAUSE,
                Err(error) => {
                    tracing::debug!(%error, "the leader tells no news; this host goes on with what it knows");
                    // Whoever was taken out of the group learns it by its next hello.
                    if answered {
                        self.0.wake.notify_one();
                    }
                    PAUSE
                }
            };
            answered = pause.is_zero();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = changed => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Whether there is a leader to be asked again.
    async fn ask_for_news(&self) -> Result<bool, ControlError> {
        let (own, have) = {
            let memory = self.memory();
            (memory.own.clone(), memory.followed.digest.clone())
        };
        let State::Following { leader, .. } = own.state else {
            return Ok(false);
        };
        let Some((leaf, anchors)) = own.papers()? else {
            return Ok(false);
        };
        let config = leader_config(&leaf, &self.0.key, &anchors, &leader, WORDS_ALPN);
        let config = config.map_err(damaged)?;
        let addresses = own.leader.unwrap_or_default().addresses;
        let have = (!have.is_empty()).then_some(have);
        let balances = self.0.roles.has_balancer();
        let told = call::<_, StateTold>(
            &addresses,
            config,
            "/peer/v1/state",
            Patience::STATE,
            |_| StateAsked { have, balances },
        );
        let (told, _) = told
            .await
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        if let Some(news) = told.news {
            self.take(news).await?;
        }
        Ok(true)
    }

    async fn take(&self, news: News) -> Result<(), ControlError> {
        let told = Arc::new(Followed {
            digest: news.digest.clone(),
            state: news.state.clone(),
            bundles: Arc::new(news.bundles.clone()),
            settings: Arc::new(news.settings.clone()),
            certificates: Arc::new(news.certificates.clone()),
        });
        let kept = Kept::new(news, &self.0.sealer)?;
        self.0
            .own
            .write(move |tx| {
                Box::pin(async move {
                    // It may have left the group while the news were on their way.
                    if own::load(tx).await?.state.leader().is_some() {
                        own::save_followed(tx, Some(&kept)).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        {
            let mut memory = self.memory();
            if memory.own.state.leader().is_none() {
                return Ok(());
            }
            memory.followed = told;
        }
        self.refresh().await?;
        self.0.told.notify_waiters();
        Ok(())
    }

    /// Waits until requests to this host are routed by what the leader has told, but
    /// not for ever.
    pub(super) async fn routes_for_group(&self) {
        let began = Instant::now();
        while began.elapsed() < SETTLED && !self.is_settled() {
            tokio::time::sleep(MOMENT).await;
        }
    }

    /// Whether this host routes by what it was told last, or was told nothing by
    /// anybody.
    fn is_settled(&self) -> bool {
        let memory = self.memory();
        let told = &memory.followed.digest;
        match memory.own.state {
            State::Following { .. } => !told.is_empty() && memory.routed.as_ref() == Some(told),
            _ => true,
        }
    }

    /// Resolves when the leader has told something new, or this host's part in
    /// its group has changed.
    pub(crate) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.told.notified()
    }
}
