//! `muster queue`

use clap::{Args, Subcommand};
use muster_api::{id::MessageId, page::Page, plan::Plan, queues::Message};

use super::{Scope, deletion::DeletionArgs};
use crate::{
    client::{Client, ClientError},
    failure::Failure,
    output::Queues,
};

/// What to do with queues.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Show how much waits in each queue, and whether the bus is there
    List,
    /// Show what is in a queue, or one message with what went wrong
    Inspect {
        /// The queue
        queue: String,
        /// The message's id
        message: Option<MessageId>,
        /// Only what was given up
        #[arg(long, conflicts_with = "message")]
        dead: bool,
    },
    /// Have messages done at once that were given up or wait for their next attempt
    Retry {
        #[command(flatten)]
        which: Which,
    },
    /// Drop messages: what they ask for is never done
    Drop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// Which messages of a queue.
#[derive(Debug, Args)]
pub struct Which {
    /// The queue
    queue: String,
    /// The messages' ids
    #[arg(required_unless_present = "all_dead")]
    messages: Vec<MessageId>,
    /// All that was given up
    #[arg(long, conflicts_with = "messages")]
    all_dead: bool,
}

impl Which {
    async fn ids(&self, client: &Client) -> Result<Vec<MessageId>, ClientError> {
        if !self.all_dead {
            return Ok(self.messages.clone());
        }
        let dead = client.messages(&self.queue, true).await?;
        Ok(dead.items.into_iter().map(|message| message.id).collect())
    }
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: QueueCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        QueueCommand::List => scope.output.show(&Queues {
            bus: client.bus().await?,
            queues: client.queues().await?.items,
        }),
        QueueCommand::Inspect {
            queue,
            message: Some(id),
            ..
        } => scope.output.show(&client.message(&queue, id).await?),
        QueueCommand::Inspect { queue, dead, .. } => {
            scope.output.show(&client.messages(&queue, dead).await?)
        }
        QueueCommand::Retry { which } => {
            let mut retried = Vec::new();
            for id in which.ids(&client).await? {
                retried.push(client.retry_message(&which.queue, id).await?);
            }
            let line = format!("{} of {} are tried again", retried.len(), which.queue);
            let page: Page<Message> = Page {
                items: retried,
                next: None,
            };
            scope.output.done(&line, &page)
        }
        QueueCommand::Drop { which, deletion } => {
            let ids = which.ids(&client).await?;
            let what = match ids.as_slice() {
                [id] => format!("the message {id} of {}", which.queue),
                ids => format!("{} messages of {}", ids.len(), which.queue),
            };
            let drop = async |dry_run| drop_all(&client, &which.queue, &ids, dry_run).await;
            deletion.carry_out(scope, &what, drop).await
        }
    }
}

async fn drop_all(
    client: &Client,
    queue: &str,
    ids: &[MessageId],
    dry_run: bool,
) -> Result<Plan, ClientError> {
    let mut all = Plan {
        done: !dry_run,
        ..Plan::default()
    };
    for id in ids {
        let plan = client.drop_message(queue, *id, dry_run).await?;
        all.removes.extend(plan.removes);
    }
    Ok(all)
}
