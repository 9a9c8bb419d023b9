//! The droplet execution agent's seat: one instance of the plugin, restarted
//! after pauses when it fails.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use muster_engine::plugin::{
    PluginCode, PluginError,
    execution::{DeaPlugin, Decisions, Snapshot},
};
use muster_ingress::Backoff;

use super::{board::Board, is_fatal, plugin_log};

/// How often the plugin does its housekeeping and is asked how it is.
const TEND: Duration = Duration::from_secs(10);

/// Who plays the droplet execution agent.
pub(super) struct DeaSeat {
    seated: Mutex<Option<Seated>>,
    board: Arc<Board>,
}

struct Seated {
    code: PluginCode,
    plugin: Option<DeaPlugin>,
    tended: Option<Instant>,
    backoff: Backoff,
    not_before: Option<Instant>,
}

impl DeaSeat {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self {
            seated: Mutex::new(None),
            board,
        }
    }

    pub(super) fn set(&self, code: Option<PluginCode>) {
        let seated = code.map(|code| Seated {
            code,
            plugin: None,
            tended: None,
            backoff: Backoff::default(),
            not_before: None,
        });
        *self.seated.lock().unwrap_or_else(PoisonError::into_inner) = seated;
    }

    /// Whether a plugin is seated.
    pub(super) fn is_taken(&self) -> bool {
        self.seated
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    pub(super) fn decide(&self, snapshot: &Snapshot) -> Option<Decisions> {
        let mut seated = self.seated.lock().unwrap_or_else(PoisonError::into_inner);
        let seated = seated.as_mut()?;
        if seated.not_before.is_some_and(|when| Instant::now() < when) {
            return None;
        }
        match seated.decide(snapshot, &self.board) {
            Ok(decisions) => Some(decisions),
            Err(error) => {
                self.board.failed("dea", &error, 0);
                let now = Instant::now();
                seated.not_before = Some(now + seated.backoff.next(now));
                if is_fatal(&error) {
                    seated.plugin = None;
                }
                None
            }
        }
    }
}

impl Seated {
    fn decide(&mut self, snapshot: &Snapshot, board: &Board) -> Result<Decisions, PluginError> {
        let plugin = match &mut self.plugin {
            Some(plugin) => plugin,
            empty => {
                let mut plugin: DeaPlugin = self.code.instantiate(plugin_log("dea"))?;
                plugin.start()?;
                self.tended = None;
                empty.insert(plugin)
            }
        };
        if self.tended.is_none_or(|tended| tended.elapsed() >= TEND) {
            plugin.reconcile()?;
            board.tended("dea", &plugin.health()?);
            self.tended = Some(Instant::now());
        }
        plugin.decide(snapshot)
    }
}
