//! The stager's seat: a fresh instance of the plugin for each package, so that
//! nothing of one reaches the next.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use muster_api::roles::RoleState;
use muster_engine::plugin::{
    PluginCode, PluginError,
    staging::{Droplet, PackageFiles, Rejection, StagerPlugin, Terms, Wishes},
};

use super::{board::Board, plugin_log};

/// Why there is no droplet.
#[derive(Debug)]
pub(crate) enum StagerError {
    /// Nobody plays the role here.
    NoRole,
    /// Somebody has stopped the role.
    Stopped,
    /// The stager refuses the package.
    Rejected(Rejection),
    /// The stager itself failed.
    Plugin(PluginError),
}

/// Who plays the stager.
pub(super) struct StagerSeat {
    code: ArcSwapOption<PluginCode>,
    board: Arc<Board>,
}

impl StagerSeat {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self {
            code: ArcSwapOption::empty(),
            board,
        }
    }

    pub(super) fn set(&self, code: Option<PluginCode>) {
        self.code.store(code.map(Arc::new));
    }

    /// Whether a plugin is seated.
    pub(super) fn is_taken(&self) -> bool {
        self.code.load().is_some()
    }

    pub(super) fn stage(
        &self,
        package: Arc<dyn PackageFiles>,
        wishes: &Wishes,
        terms: &Terms,
    ) -> Result<Droplet, StagerError> {
        let code = self
            .code
            .load_full()
            .ok_or_else(|| match self.board.get("stager").state {
                RoleState::Stopped => StagerError::Stopped,
                _ => StagerError::NoRole,
            })?;
        let staged = (|| {
            let mut plugin: StagerPlugin = code.instantiate(plugin_log("stager"))?;
            plugin.start()?;
            let staged = plugin.stage(package, wishes, terms)?;
            plugin.stop()?;
            Ok(staged)
        })();
        match staged {
            Ok(staged) => {
                self.board.worked("stager");
                staged.map_err(StagerError::Rejected)
            }
            Err(error) => {
                self.board.failed("stager", &error, 0);
                Err(StagerError::Plugin(error))
            }
        }
    }
}
