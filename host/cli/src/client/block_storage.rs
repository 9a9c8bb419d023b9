//! `/api/v1/blocks` as a whole: where they are kept.

use muster_api::{
    blocks::{BlockStorage, BlocksMove, BlocksVerify},
    jobs::Job,
    plan::Plan,
};
use reqwest::Method;

use super::{Client, ClientError};

impl Client {
    /// Where the host keeps its blocks.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn block_storage(&self) -> Result<BlockStorage, ClientError> {
        self.call(self.get(&["blocks"])).await
    }

    /// What a move of all blocks would do.
    ///
    /// # Errors
    /// As of every call.
    pub async fn plan_blocks_move(&self, to: &BlocksMove) -> Result<Plan, ClientError> {
        let request = self.post(&["blocks", "actions", "move"], to);
        self.call(request.query(&[("dry_run", true)])).await
    }

    /// Moves all blocks.
    ///
    /// # Errors
    /// As of every call.
    pub async fn move_blocks(&self, to: &BlocksMove) -> Result<Job, ClientError> {
        self.call(self.post(&["blocks", "actions", "move"], to))
            .await
    }

    /// Reads every block that is needed.
    ///
    /// # Errors
    /// As of every call.
    pub async fn verify_blocks(&self, how: &BlocksVerify) -> Result<Job, ClientError> {
        self.call(self.post(&["blocks", "actions", "verify"], how))
            .await
    }

    /// Has this Muster alone remove blocks from its bucket, or says what that
    /// changes.
    ///
    /// # Errors
    /// As of every call.
    pub async fn adopt_blocks(&self, dry_run: bool) -> Result<Plan, ClientError> {
        let request = self.request(Method::POST, &["blocks", "actions", "adopt"]);
        self.call(request.query(&[("dry_run", dry_run)])).await
    }
}
