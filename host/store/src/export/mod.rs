//! All tables as lines of JSON, whatever database they are in.
//!
//! The format is described in `export.md` beside this file.

mod read;
mod tables;
mod write;

use std::collections::HashSet;

use muster_api::blocks::Digest;
use sea_orm::DbErr;
use tokio::sync::mpsc;

use crate::{error::StoreError, live::live_blocks, store::Store};

pub use self::read::{ImportError, Imported};

/// What an export calls itself.
const FORMAT: &str = "muster-state";
/// The version of the format.
const VERSION: u64 = 1;

impl Store {
    /// Writes all tables as they are at one moment, a line of JSON after the
    /// other, whatever is written meanwhile. Says how many rows there were.
    ///
    /// # Errors
    /// [`StoreError::Closed`] if nobody takes the lines any more; otherwise why the
    /// database could not be read.
    pub async fn export(&self, lines: mpsc::Sender<String>) -> Result<u64, StoreError> {
        self.read(move |db| Box::pin(async move { write::all(db, &lines).await }))
            .await
    }
}

impl Store {
    /// The same, and says which blocks the state needed at that moment.
    ///
    /// # Errors
    /// As of [`export`](Self::export).
    pub async fn export_with_blocks(
        &self,
        lines: mpsc::Sender<String>,
    ) -> Result<HashSet<Digest>, StoreError> {
        self.read(move |db| {
            Box::pin(async move {
                write::all(db, &lines).await?;
                live_blocks(db).await
            })
        })
        .await
    }
}

/// The message of a failure of the database.
fn text(error: DbErr) -> String {
    StoreError::from(error).to_string()
}

#[cfg(test)]
mod tests;
