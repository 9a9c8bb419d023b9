//! `/api/v1/blocks`

use std::time::Duration;

use muster_api::blocks::{Digest, MissingQuery, MissingReply};
use reqwest::{Method, header};

use super::{Client, ClientError};

/// How long one block may take: 4 MiB over a slow line.
const BLOCK_TIMEOUT: Duration = Duration::from_secs(300);
/// How many digests one question may hold.
const MISSING_LIMIT: usize = 10_000;

impl Client {
    /// Those of the given blocks that the host lacks.
    ///
    /// # Errors
    /// As of every call: the host's problem, or no answer.
    pub async fn missing_blocks(&self, blocks: &[Digest]) -> Result<Vec<Digest>, ClientError> {
        let mut missing = Vec::new();
        for part in blocks.chunks(MISSING_LIMIT) {
            let query = MissingQuery {
                blocks: part.to_vec(),
            };
            let reply: MissingReply = self.call(self.post(&["blocks", "missing"], &query)).await?;
            missing.extend(reply.missing);
        }
        Ok(missing)
    }

    /// Uploads one block. Harmless if the host has it.
    ///
    /// # Errors
    /// As of every call.
    pub async fn put_block(&self, digest: &Digest, bytes: Vec<u8>) -> Result<(), ClientError> {
        let request = self
            .request(Method::PUT, &["blocks", digest.as_str()])
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .timeout(BLOCK_TIMEOUT)
            .body(bytes);
        self.send(request).await?;
        Ok(())
    }
}
