//! Queues: durable work. Whatever gives cause for it puts a message into a queue
//! within its own transaction. The host that leads does it (`worker`): the bus
//! carries word of it, where there is one, and what the bus does not bring is found
//! here. What fails is tried again after growing pauses; what fails too often, or can
//! never succeed, is given up and stays for somebody to look at.

pub(crate) mod worker;

use std::time::Duration;

use muster_api::{
    id::MessageId,
    page::{Page, PageQuery},
    plan::Plan,
    queues::{Bus as BusShown, BusKind, Message, MessageFilter, MessageState, Queue as QueueShown},
};
use muster_bus::Bus;
use muster_store::{ChangeKind, MessageRecord, Reader, Store, StoreError, Tx, Work};

use super::{
    error::ControlError,
    record::{Actor, Change, record, value},
    terms::Terms,
    views::page_limit,
    works,
};

/// How long what was given up can be looked at.
pub(crate) const KEPT_DEAD: Duration = Duration::from_secs(30 * 24 * 3600);

/// A queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: &'static str,
    /// What waits there, for people.
    about: &'static str,
    /// After so many attempts a message is given up.
    attempts: u32,
    /// The pause after the first attempt that failed; it doubles with each further
    /// one.
    first_pause: Duration,
    /// The longest pause.
    longest_pause: Duration,
    /// What goes with a message that comes back to life, or is given up or dropped.
    turns: for<'t> fn(&'t Tx, &'t MessageRecord, Turn) -> Work<'t, ()>,
}

/// What becomes of a message otherwise than that it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is given up.
    GivenUp,
    /// Somebody has it done again.
    Retried,
    /// Somebody drops it.
    Dropped,
}

/// Mails. They are given up after about a day.
pub(crate) const MAILS: &Queue = &Queue {
    name: "mails",
    about: "E-mails to be sent",
    attempts: 32,
    first_pause: Duration::from_secs(10),
    longest_pause: Duration::from_secs(3600),
    turns: |_, _, _| Box::pin(async { Ok(()) }),
};

/// Works. Whoever ends in the middle of one begins it again; one that ends its host
/// each time is given up.
pub(crate) const WORKS: &Queue = &Queue {
    name: "works",
    about: "Jobs that are of no app, such as backups",
    attempts: 20,
    first_pause: Duration::from_secs(5),
    longest_pause: Duration::from_secs(300),
    turns: works::turned,
};

/// All queues.
const ALL: [&Queue; 2] = [MAILS, WORKS];

/// The queues, for whoever looks after them.
#[derive(Clone)]
pub(crate) struct Queues {
    pub(crate) store: Store,
    pub(crate) bus: Bus,
}

impl Queues {
    /// How the bus is.
    pub(crate) fn bus(&self) -> BusShown {
        match self.bus.connected() {
            None => BusShown {
                kind: BusKind::InProcess,
                connected: true,
                servers: Vec::new(),
                server: None,
                problem: None,
            },
            Some(known) => BusShown {
                kind: BusKind::Nats,
                connected: known.server.is_some(),
                servers: known.servers,
                server: known.server,
                problem: known.problem,
            },
        }
    }

    /// What there is to know while the bus is away, in a line.
    pub(crate) fn bus_away(&self) -> Option<String> {
        let bus = self.bus.connected().filter(|bus| bus.server.is_none())?;
        let problem = bus.problem.as_deref();
        let why = problem.and_then(|problem| problem.lines().next());
        Some(format!(
            "bus: none of {} carries anything ({}); work is done all the same, found later",
            bus.servers.join(", "),
            why.unwrap_or("no reason is known")
        ))
    }

    /// All queues.
    pub(crate) async fn list(&self) -> Result<Vec<QueueShown>, ControlError> {
        let mut shown = Vec::new();
        for queue in ALL {
            let counts = self.store.message_counts(queue.name).await?;
            shown.push(QueueShown {
                name: queue.name.to_owned(),
                about: queue.about.to_owned(),
                waiting: counts.waiting,
                in_flight: counts.in_flight,
                dead: counts.dead,
                oldest_at: counts.oldest,
            });
        }
        Ok(shown)
    }

    /// One page of the messages of a queue, the oldest first.
    pub(crate) async fn messages(
        &self,
        queue: &str,
        filter: &MessageFilter,
        query: &PageQuery,
    ) -> Result<Page<Message>, ControlError> {
        let queue = known(queue)?;
        let cursor = query.cursor.as_deref().map(str::parse::<MessageId>);
        let cursor = cursor
            .transpose()
            .map_err(|_| ControlError::invalid("cursor", "this is no cursor of this list"))?;
        let (after, limit) = (cursor.map(|id| id.0), page_limit(query)?);
        let page = self
            .store
            .message_list(queue.name, filter.dead, after, limit)
            .await?;
        Ok(Page {
            items: page.items.into_iter().map(view).collect(),
            next: page.next,
        })
    }

    /// A message.
    pub(crate) async fn message(
        &self,
        queue: &str,
        id: MessageId,
    ) -> Result<(MessageRecord, Message), ControlError> {
        let found = require(&self.store, known(queue)?, id).await?;
        Ok((found.clone(), view(found)))
    }

    /// Has a message done at once that was given up or waits for its next attempt,
    /// with as many attempts as a new one.
    pub(crate) async fn retry(
        &self,
        actor: &Actor,
        terms: &Terms,
        queue: &str,
        id: MessageId,
    ) -> Result<Message, ControlError> {
        let (actor, terms, queue) = (actor.clone(), terms.clone(), known(queue)?);
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let found = at_rest(tx, &terms, queue, id).await?;
                    let (error, now) = (found.last_error.as_deref(), muster_store::now());
                    tx.message_put_back(found.id, 0, error, now).await?;
                    if found.dead_at.is_some() {
                        (queue.turns)(tx, &found, Turn::Retried).await?;
                    }
                    noted(tx, &actor, &found, Turn::Retried).await?;
                    Ok(view(require(tx, queue, id).await?))
                })
            })
            .await
    }

    /// Drops a message: it is never done.
    pub(crate) async fn drop(
        &self,
        actor: &Actor,
        terms: &Terms,
        queue: &str,
        id: MessageId,
    ) -> Result<Plan, ControlError> {
        let (actor, owned, queue) = (actor.clone(), terms.clone(), known(queue)?);
        let found = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let found = at_rest(tx, &owned, queue, id).await?;
                    tx.message_delete(found.id).await?;
                    (queue.turns)(tx, &found, Turn::Dropped).await?;
                    noted(tx, &actor, &found, Turn::Dropped).await?;
                    Ok::<_, ControlError>(found)
                })
            })
            .await?;
        let (name, about) = (queue.name, &found.key);
        let how = match found.dead_at {
            Some(_) => "which was given up",
            None => "which is then never done",
        };
        Ok(Plan {
            removes: vec![format!("the message {id} of {name} ({about}), {how}")],
            changes: Vec::new(),
            done: !terms.dry_run,
        })
    }
}

fn known(name: &str) -> Result<&'static Queue, ControlError> {
    let found = ALL.into_iter().find(|queue| queue.name == name);
    found.ok_or_else(|| ControlError::not_found("queue", name))
}

async fn require(db: &Reader, queue: &Queue, id: MessageId) -> Result<MessageRecord, ControlError> {
    let found = db.message_get(id.0).await?;
    let found = found.filter(|message| message.queue == queue.name);
    found.ok_or_else(|| ControlError::not_found("message", id.to_string()))
}

/// A message that nobody is doing.
async fn at_rest(
    tx: &Tx,
    terms: &Terms,
    queue: &Queue,
    id: MessageId,
) -> Result<MessageRecord, ControlError> {
    let found = require(tx, queue, id).await?;
    terms.check(Some(&found))?;
    if found.taken_at.is_none() {
        return Ok(found);
    }
    Err(ControlError::Conflict {
        code: "message-at-hand",
        message: format!("the message {id} is being done right now"),
        remedy: format!(
            "see what comes of it with: muster queue inspect {} {id}",
            queue.name
        ),
    })
}

async fn noted(
    tx: &Tx,
    actor: &Actor,
    message: &MessageRecord,
    turn: Turn,
) -> Result<(), StoreError> {
    let (verb, kind) = match turn {
        Turn::Retried => ("retry", ChangeKind::Updated),
        _ => ("drop", ChangeKind::Deleted),
    };
    let change = Change {
        resource: "message",
        project: None,
        id: message.id.to_string(),
        name: &format!("{} {}", message.queue, message.id),
        verb,
        kind,
        before: value(&view(message.clone())),
        after: None,
    };
    record(tx, actor, change).await
}

fn view(record: MessageRecord) -> Message {
    let state = match (&record.dead_at, &record.sent_at, &record.taken_at) {
        (Some(_), _, _) => MessageState::Dead,
        (None, None, None) => MessageState::Waiting,
        _ => MessageState::InFlight,
    };
    Message {
        id: MessageId(record.id),
        queue: record.queue,
        about: record.key,
        state,
        body: record.body,
        attempts: record.attempts,
        last_error: record.last_error,
        created_at: record.created_at,
        due_at: record.due_at,
        dead_at: record.dead_at,
    }
}
