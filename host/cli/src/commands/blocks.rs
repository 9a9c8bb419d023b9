//! `muster blocks`

use std::env;

use clap::{Args, Subcommand};
use muster_api::{
    blocks::{BlocksMove, BlocksVerify},
    config::Secret,
};

use super::{Scope, deletion::DeletionArgs, follow};
use crate::failure::Failure;

/// What to do with where blocks are kept.
#[derive(Debug, Subcommand)]
pub enum BlocksCommand {
    /// Show where the host keeps its blocks, and how many there are
    Show,
    /// Read every block that something needs, and say which are missing or damaged
    Verify {
        /// Fetch those from other hosts of the group
        #[arg(long)]
        repair: bool,
        /// Do not wait for the end
        #[arg(long)]
        no_wait: bool,
    },
    /// Move all blocks elsewhere, while the host serves
    ///
    /// They are copied, read back and, once all are there, kept there from then
    /// on. A move that was cancelled or failed changes nothing; the next one to
    /// the same place goes on from there. The old place keeps what it has.
    ///
    /// An S3 server's access key comes from the environment, as
    /// MUSTER_BLOCKS_ACCESS_KEY, MUSTER_BLOCKS_SECRET_KEY and, for keys that pass,
    /// MUSTER_BLOCKS_SESSION_TOKEN; without, the host uses the one that it was
    /// started with.
    Move(MoveArgs),
    /// Have this Muster alone remove from its bucket what it does not need
    ///
    /// A bucket remembers whose state decides what is garbage in it. A Muster that
    /// was restored from a backup uses the bucket of the old one, but removes
    /// nothing until it is told that the old one is no more.
    Adopt {
        #[command(flatten)]
        ask: DeletionArgs,
    },
}

/// Where to.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// `local`, or `s3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=NAME`
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// Do not wait for the end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    ask: DeletionArgs,
}

/// Does it.
///
/// # Errors
/// If the host refuses, or the job fails.
pub async fn run(scope: &Scope, command: BlocksCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    let (job, no_wait, done) = match command {
        BlocksCommand::Show => return scope.output.show(&client.block_storage().await?),
        BlocksCommand::Adopt { ask } => {
            let question = "Is no other Muster using the bucket any more?";
            let done = "The bucket is this Muster's";
            let adopt = async |dry_run| client.adopt_blocks(dry_run).await;
            return ask.carry_out_as(scope, question, done, adopt).await;
        }
        BlocksCommand::Verify { repair, no_wait } => {
            let job = client.verify_blocks(&BlocksVerify { repair }).await?;
            (job, no_wait, "Verified the blocks".to_owned())
        }
        BlocksCommand::Move(args) => {
            let to = BlocksMove {
                to: args.to,
                access_key: variable("MUSTER_BLOCKS_ACCESS_KEY"),
                secret_key: Secret::new(variable("MUSTER_BLOCKS_SECRET_KEY")),
                session_token: Secret::new(variable("MUSTER_BLOCKS_SESSION_TOKEN")),
            };
            let plan = async || client.plan_blocks_move(&to).await;
            if !args.ask.agreed(scope, "Move all blocks?", plan).await? {
                return Ok(());
            }
            let job = client.move_blocks(&to).await?;
            (job, args.no_wait, format!("Moved the blocks to {}", to.to))
        }
    };
    if no_wait {
        return scope.output.show(&job);
    }
    let job = follow::to_success(&client, job).await?;
    scope.output.done(&done, &job)
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
