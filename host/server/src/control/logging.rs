//! What this host logs, and where to.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use muster_api::{
    logging::{LogTarget, Logging, LoggingChange, LoggingSource, LoggingState},
    problem::FieldProblem,
};
use muster_logging::{Handle, LoggingError, Recent};
use muster_store::{ChangeKind, Store, StoreError};
use time::OffsetDateTime;
use tokio::sync::Mutex as Turn;

use super::{
    error::ControlError,
    record::{Actor, Change, record, value},
    terms::Terms,
};

/// The setting that holds what is kept.
const SETTING: &str = "logging";

/// What this host logs.
#[derive(Debug, Clone)]
pub(crate) struct LoggingControl {
    store: Store,
    handle: Handle,
    state: Arc<Mutex<State>>,
    /// One change at a time.
    turn: Arc<Turn<()>>,
}

#[derive(Debug)]
struct State {
    source: LoggingSource,
    kept: Option<Logging>,
    passing: Option<Passing>,
    /// Counts changes, so that the end of one that was replaced ends nothing.
    changes: u64,
}

/// A change that ends by itself, and what comes back then.
#[derive(Debug, Clone)]
struct Passing {
    until: OffsetDateTime,
    before: (Logging, LoggingSource),
}

impl LoggingControl {
    /// Begins with what the host was told to keep, unless whoever started it has
    /// said otherwise.
    pub(crate) async fn new(store: Store, handle: Handle) -> Result<Self, StoreError> {
        let kept = match store.setting_get::<Option<Logging>>(SETTING).await {
            Ok(kept) => kept.flatten(),
            Err(StoreError::Damaged(reason)) => {
                tracing::warn!(reason, "what was kept of logging cannot be read");
                None
            }
            Err(error) => return Err(error),
        };
        let control = Self {
            store,
            handle,
            state: Arc::new(Mutex::new(State {
                source: LoggingSource::Start,
                kept: kept.clone(),
                passing: None,
                changes: 0,
            })),
            turn: Arc::default(),
        };
        if let Some(kept) = kept.filter(|_| !control.handle.start().explicit) {
            match control.apply(kept).await {
                Ok(()) => control.state().source = LoggingSource::Kept,
                Err(error) => {
                    tracing::warn!(%error, "what was kept of logging does not hold: the host logs as it was started");
                }
            }
        }
        Ok(control)
    }

    /// The host's last lines.
    pub(crate) fn recent(&self) -> &Recent {
        self.handle.recent()
    }

    /// How the host logs.
    pub(crate) fn show(&self) -> LoggingState {
        let state = self.state();
        LoggingState {
            logging: self.handle.current(),
            source: state.source,
            until: state.passing.as_ref().map(|passing| passing.until),
            kept: state.kept.clone(),
            start: self.handle.start().logging.clone(),
            lost: self.handle.lost(),
        }
    }

    /// Changes what is logged: until the next start, for ever, or for a while.
    pub(crate) async fn change(
        &self,
        actor: &Actor,
        terms: &Terms,
        change: LoggingChange,
    ) -> Result<LoggingState, ControlError> {
        let mut problems = change.check();
        problems.extend(self.foreign_files(&change.logging));
        if !problems.is_empty() {
            return Err(ControlError::Invalid(problems));
        }
        let _turn = self.turn.lock().await;
        let before = self.show();
        terms.check(Some(&before))?;
        let until = change
            .lasting
            .map(|lasting| OffsetDateTime::now_utc() + Duration::from(lasting));
        if terms.dry_run {
            return Ok(LoggingState {
                logging: change.logging,
                source: if change.persist {
                    LoggingSource::Kept
                } else {
                    LoggingSource::Changed
                },
                until,
                ..before
            });
        }
        self.apply(change.logging.clone()).await?;
        let kept = change.persist.then(|| Some(change.logging.clone()));
        if let Err(error) = self
            .write(actor, "set", &before, &change, kept.clone())
            .await
        {
            // What is not written down must not hold.
            self.apply(before.logging).await?;
            return Err(error);
        }
        let number = {
            let mut state = self.state();
            state.changes += 1;
            // A change on top of one that passes gives way to what was before both.
            let below = match state.passing.take() {
                Some(passing) => passing.before,
                None => (before.logging, state.source),
            };
            state.passing = until.map(|until| Passing {
                until,
                before: below,
            });
            state.source = LoggingSource::Changed;
            if let Some(kept) = kept {
                (state.kept, state.source) = (kept, LoggingSource::Kept);
            }
            state.changes
        };
        if let Some(lasting) = change.lasting {
            let control = self.clone();
            tokio::spawn(async move { control.end(number, lasting.into()).await });
        }
        tracing::info!(actor = actor.name, "logging was changed");
        Ok(self.show())
    }

    /// Goes back to what the host was started with, and keeps nothing.
    pub(crate) async fn reset(
        &self,
        actor: &Actor,
        terms: &Terms,
    ) -> Result<LoggingState, ControlError> {
        let _turn = self.turn.lock().await;
        let (before, logging) = (self.show(), self.handle.start().logging.clone());
        terms.check(Some(&before))?;
        if terms.dry_run {
            return Ok(LoggingState {
                logging,
                source: LoggingSource::Start,
                until: None,
                kept: None,
                ..before
            });
        }
        self.apply(logging.clone()).await?;
        let change = LoggingChange {
            logging,
            persist: false,
            lasting: None,
        };
        if let Err(error) = self
            .write(actor, "reset", &before, &change, Some(None))
            .await
        {
            self.apply(before.logging).await?;
            return Err(error);
        }
        {
            let mut state = self.state();
            state.changes += 1;
            state.passing = None;
            state.kept = None;
            state.source = LoggingSource::Start;
        }
        tracing::info!(actor = actor.name, "logging is as it was at the start");
        Ok(self.show())
    }

    /// Waits, then goes back, unless there was another change.
    async fn end(&self, number: u64, after: Duration) {
        tokio::time::sleep(after).await;
        let _turn = self.turn.lock().await;
        let passing = {
            let mut state = self.state();
            if state.changes != number {
                return;
            }
            state.passing.take()
        };
        let Some(Passing {
            before: (logging, source),
            ..
        }) = passing
        else {
            return;
        };
        match self.apply(logging).await {
            Ok(()) => {
                self.state().source = source;
                tracing::info!("the passing change of logging has ended");
            }
            Err(error) => {
                tracing::warn!(%error, "the passing change of logging has not ended");
            }
        }
    }

    /// One transaction: what is kept, if that changes, and the entry in the
    /// audit log.
    async fn write(
        &self,
        actor: &Actor,
        verb: &'static str,
        before: &LoggingState,
        change: &LoggingChange,
        kept: Option<Option<Logging>>,
    ) -> Result<(), ControlError> {
        let (actor, before, after) = (actor.clone(), value(&before.logging), value(change));
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(kept) = kept {
                        tx.setting_put(SETTING, &kept).await?;
                    }
                    let change = Change {
                        resource: "logging",
                        project: None,
                        id: SETTING.to_owned(),
                        name: SETTING,
                        verb,
                        kind: ChangeKind::Updated,
                        before,
                        after,
                    };
                    record(tx, &actor, change).await
                })
            })
            .await?;
        Ok(())
    }

    async fn apply(&self, logging: Logging) -> Result<(), ControlError> {
        let handle = self.handle.clone();
        let applied = tokio::task::spawn_blocking(move || handle.apply(&logging)).await;
        let failed =
            |error| ControlError::Internal(format!("logging could not be changed: {error}"));
        applied.map_err(failed)?.map_err(|error| match error {
            LoggingError::Target { index, source, .. } => {
                ControlError::invalid(format!("logging.to[{index}]"), source.to_string())
            }
            LoggingError::Started(why) => ControlError::Internal(why),
        })
    }

    /// Files that lie elsewhere than in the host's folder, and that the host was
    /// not started with: whoever may change logging must not write any file of
    /// the machine by it.
    fn foreign_files(&self, logging: &Logging) -> Vec<FieldProblem> {
        let path_of = |target: &LogTarget| match target {
            LogTarget::File(file) if file.is_absolute() => Some(file.path.clone()),
            _ => None,
        };
        let known: Vec<String> = self
            .handle
            .start()
            .logging
            .to
            .iter()
            .filter_map(path_of)
            .collect();
        let foreign = logging.to.iter().enumerate().filter_map(|(at, target)| {
            path_of(target)
                .filter(|path| !known.contains(path))
                .map(|path| FieldProblem {
                    field: format!("logging.to[{at}].path"),
                    message: format!(
                        "'{path}' is none that the host was started with; give a name without a folder, or start it with --log-to file:{path}"
                    ),
                })
        });
        foreign.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
