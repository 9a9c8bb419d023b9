//! Making a backup.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use muster_api::{
    backups::BackupBlocks, blocks::Digest, config::backup::BackupConfig, problem::Problem,
};
use muster_backup::{BlocksIn, Writer};
use muster_blocks::{Depot, Upload};
use serde_json::json;
use time::{OffsetDateTime, macros::format_description};
use tokio::sync::mpsc;

use super::{Backups, ENDING, Wanted};
use crate::control::{
    error::ControlError,
    works::{Desk, failed},
};

/// How much is gathered before it is written.
const GATHERED: usize = 256 << 10;
/// How many blocks are read ahead.
const AHEAD: usize = 4;

/// A backup on its way.
struct Making {
    writer: Writer,
    upload: Upload,
    bytes: u64,
}

impl Making {
    async fn flush(&mut self) -> Result<(), ControlError> {
        let ready = self.writer.take();
        self.bytes += ready.len() as u64;
        Ok(self.upload.write(&ready).await?)
    }
}

impl Backups {
    /// Makes a backup. Until it is whole there is none.
    pub(crate) async fn carry_out_create(
        &self,
        wanted: Wanted,
        desk: &Arc<Desk>,
    ) -> Result<String, Problem> {
        let made = self.create(&wanted, desk).await;
        let (name, bytes) = made.map_err(|error| failed(&error))?;
        let pruned = self.prune().await.map_err(|error| failed(&error))?;
        for old in pruned {
            let line = format!("removed {old}: more are not kept");
            desk.say(line)
                .await
                .map_err(|error| failed(&error.into()))?;
        }
        Ok(format!("made {name} with {bytes} bytes"))
    }

    async fn create(
        &self,
        wanted: &Wanted,
        desk: &Arc<Desk>,
    ) -> Result<(String, u64), ControlError> {
        let lock = self.lock().await?;
        let depot = self.depot()?;
        let now = OffsetDateTime::now_utc();
        let host = self.name.get();
        let blocks = match wanted.blocks {
            BackupBlocks::All => BlocksIn::All,
            BackupBlocks::List => BlocksIn::List,
        };
        let version = muster_store::version();
        let made_at = now.unix_timestamp();
        // A key out of a passphrase takes a moment.
        let begun = tokio::task::spawn_blocking({
            let host = host.to_string();
            move || Writer::new(&lock, made_at, &host, version, blocks)
        });
        let begun = begun
            .await
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let (writer, head) = begun.map_err(|error| super::unusable(&error))?;
        let name = file_name(&host.to_string(), now, &head.id.to_string());
        let mut making = Making {
            writer,
            upload: depot.begin(&name).await?,
            bytes: 0,
        };
        // What the state needs stays until it is in the backup.
        let _staying = self.block_storage.collecting.read().await;
        match self.fill(&mut making, wanted, desk).await {
            Ok(()) => {}
            Err(error) => {
                making.upload.abort().await;
                return Err(error);
            }
        }
        let rest = making.writer.finish();
        making.bytes += rest.len() as u64;
        making.upload.write(&rest).await?;
        desk.note("finishing", 1, 1);
        making.upload.finish().await?;
        Ok((name, making.bytes))
    }

    async fn fill(
        &self,
        making: &mut Making,
        wanted: &Wanted,
        desk: &Arc<Desk>,
    ) -> Result<(), ControlError> {
        let about = json!({ "place": self.block_storage.blocks.place().to_string() });
        making.writer.part("about", about.to_string().as_bytes());
        making.writer.part("secrets.key", &self.key);
        let blocks = self.state(making, desk).await?;
        let sizes = self.block_storage.blocks.sizes(&blocks).await?;
        making.writer.begin("blocks");
        for (block, size) in blocks.iter().zip(&sizes) {
            let missing = || muster_blocks::BlocksError::Missing(block.clone());
            let size = size.ok_or_else(missing)?;
            making.writer.data(format!("{block} {size}\n").as_bytes());
        }
        making.writer.end();
        making.flush().await?;
        if wanted.blocks == BackupBlocks::All {
            self.blocks(making, blocks, desk).await?;
        }
        Ok(())
    }

    /// Writes all tables as of one moment; says which blocks they needed then.
    async fn state(
        &self,
        making: &mut Making,
        desk: &Arc<Desk>,
    ) -> Result<Vec<Digest>, ControlError> {
        let (sender, mut lines) = mpsc::channel(256);
        let store = self.store.clone();
        let export = tokio::spawn(async move { store.export_with_blocks(sender).await });
        making.writer.begin("state");
        let (mut gathered, mut rows) = (Vec::with_capacity(GATHERED), 0);
        while let Some(line) = lines.recv().await {
            gathered.extend_from_slice(line.as_bytes());
            gathered.push(b'\n');
            rows += 1;
            if gathered.len() >= GATHERED {
                for piece in gathered.chunks(GATHERED) {
                    making.writer.data(piece);
                }
                gathered.clear();
                making.flush().await?;
                desk.note("writing the state", rows, rows);
            }
        }
        for piece in gathered.chunks(GATHERED) {
            making.writer.data(piece);
        }
        making.writer.end();
        making.flush().await?;
        let exported = export
            .await
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let mut blocks: Vec<_> = exported?.into_iter().collect();
        blocks.sort();
        Ok(blocks)
    }

    async fn blocks(
        &self,
        making: &mut Making,
        blocks: Vec<Digest>,
        desk: &Arc<Desk>,
    ) -> Result<(), ControlError> {
        let total = blocks.len() as u64;
        let read = stream::iter(blocks).map(|block| async move {
            let bytes = self.block_storage.blocks.get_kept(&block).await?;
            Ok::<_, ControlError>((block, bytes))
        });
        let mut read = std::pin::pin!(read.buffered(AHEAD));
        let mut done = 0;
        while let Some((block, bytes)) = read.try_next().await? {
            making.writer.part(&format!("block/{block}"), &bytes);
            making.flush().await?;
            done += 1;
            desk.note("writing the blocks", done, total);
        }
        Ok(())
    }

    /// Removes the oldest of this host's that are too many.
    async fn prune(&self) -> Result<Vec<String>, ControlError> {
        let config: BackupConfig = self.config.get();
        if config.keep == 0 {
            return Ok(Vec::new());
        }
        let host = self.name.get().to_string();
        let mut own = self.list().await?;
        own.retain(|backup| backup.host == host);
        own.sort_by_key(|backup| backup.made_at);
        let many = own.len().saturating_sub(config.keep as usize);
        let depot: Depot = self.depot()?;
        let mut removed = Vec::new();
        for old in own.into_iter().take(many) {
            depot.delete(&old.name).await?;
            removed.push(old.name);
        }
        Ok(removed)
    }
}

/// A name that sorts by host and time.
fn file_name(host: &str, at: OffsetDateTime, id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let host: String = host.chars().take(60).map(plain).collect();
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let at = at.format(&format).unwrap_or_default();
    format!("{host}-{at}-{}{ENDING}", &id[..8])
}
