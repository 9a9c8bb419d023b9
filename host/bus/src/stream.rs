//! The stream in which work waits on the servers until somebody takes it: on three of
//! them where there are so many, so that none of it is lost with one of them.

use std::{sync::Arc, time::Duration};

use async_nats::{
    Client,
    jetstream::{
        self, Context, Message,
        consumer::{AckPolicy, PullConsumer, pull},
        message::PublishMessage,
        stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream},
    },
};
use futures::StreamExt;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{Away, Channel, channel::Listening, connection::Nats};

/// How long the servers may take to take something in.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the same is taken in only once.
const ONCE: Duration = Duration::from_secs(120);
/// How long something waits. The state knows of it for longer.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How much waits at most.
const MOST: i64 = 1_000_000;
/// How long somebody may have something before it is given to somebody else.
const TAKEN: Duration = Duration::from_secs(30);
/// How long to wait before the stream is looked for again.
const PAUSE: Duration = Duration::from_secs(1);
/// How many copies there are where there are enough servers.
const COPIES: usize = 3;

/// What comes from one queue; nothing, where there is no bus.
pub struct Deliveries {
    arrived: mpsc::Receiver<Delivery>,
    _listening: Listening,
}

/// Something that is to be done.
pub struct Delivery {
    /// What the state knows it by.
    pub id: Uuid,
    message: Message,
}

impl Delivery {
    /// Tells the servers that it is in good hands. Unless they are told, it comes
    /// again.
    pub async fn taken(self) {
        if let Err(error) = self.message.ack().await {
            tracing::debug!(%error, "a delivery comes again");
        }
    }
}

impl Deliveries {
    /// The next one; never resolves where there is no bus. Whoever stops waiting
    /// loses none.
    pub async fn next(&mut self) -> Delivery {
        match self.arrived.recv().await {
            Some(delivery) => delivery,
            None => std::future::pending().await,
        }
    }
}

impl Channel {
    fn subject(&self, queue: &str) -> String {
        format!("muster.{}.work.{queue}", self.name)
    }

    /// Puts something into a queue. The same at the same `turn` is put there once,
    /// however often it is tried.
    ///
    /// # Errors
    /// [`Away`] if that is not known to be safe on the servers. It may be there.
    pub async fn carry(&self, queue: &str, id: Uuid, turn: i64) -> Result<(), Away> {
        let Some(nats) = self.nats() else {
            return Err(Away("it is in process".to_owned()));
        };
        let client = nats.client()?;
        let publish = PublishMessage::build()
            .payload(id.to_string().into())
            .message_id(format!("{id}:{turn}"));
        let carried = tokio::time::timeout(PATIENCE, async {
            let context = jetstream::new(client);
            context
                .send_publish(self.subject(queue), publish)
                .await?
                .await
        });
        match carried.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Away(error.to_string())),
            Err(_) => Err(Away("no server has taken it in".to_owned())),
        }
    }

    /// What comes from a queue, from now on. Of several who listen, each delivery
    /// comes to one.
    #[must_use]
    pub fn deliveries(&self, queue: &str) -> Deliveries {
        let (hand, arrived) = mpsc::channel(1);
        let (channel, queue) = (self.clone(), queue.to_owned());
        let listening = self.on_all(move |nats| {
            let (channel, queue, hand) = (channel.clone(), queue.clone(), hand.clone());
            async move { channel.receive(&nats, &queue, &hand).await }
        });
        Deliveries {
            arrived,
            _listening: listening,
        }
    }

    async fn receive(&self, nats: &Arc<Nats>, queue: &str, hand: &mpsc::Sender<Delivery>) {
        loop {
            if let Ok(client) = nats.client()
                && let Err(error) = self.receive_by(client, queue, hand).await
            {
                tracing::debug!(error, queue, "nothing comes by the bus for now");
            }
            if hand.is_closed() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn receive_by(
        &self,
        client: Client,
        queue: &str,
        hand: &mpsc::Sender<Delivery>,
    ) -> Result<(), String> {
        let clustered = client.server_info().cluster.is_some();
        let context = jetstream::new(client);
        let stream = self.stream(&context, clustered).await?;
        let config = pull::Config {
            durable_name: Some(queue.to_owned()),
            filter_subject: self.subject(queue),
            ack_policy: AckPolicy::Explicit,
            ack_wait: TAKEN,
            ..pull::Config::default()
        };
        let consumer: PullConsumer = stream
            .get_or_create_consumer(queue, config)
            .await
            .map_err(told)?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(8)
            .expires(Duration::from_secs(10))
            .heartbeat(Duration::from_secs(3))
            .messages();
        let mut messages = messages.await.map_err(told)?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(told)?;
            let id = std::str::from_utf8(&message.payload).ok();
            let Some(id) = id.and_then(|id| id.parse().ok()) else {
                // Nobody of us has put it there.
                message.ack().await.map_err(told)?;
                continue;
            };
            if hand.send(Delivery { id, message }).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The stream, as it should be.
    async fn stream(&self, context: &Context, clustered: bool) -> Result<Stream, String> {
        let config = |copies| Config {
            name: format!("muster-{}", self.name),
            subjects: vec![self.subject("*")],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            max_messages: MOST,
            max_age: KEPT,
            duplicate_window: ONCE,
            num_replicas: copies,
            ..Config::default()
        };
        let wanted = if clustered { COPIES } else { 1 };
        let mut found = context.get_or_create_stream(config(wanted)).await;
        if found.is_err() && clustered {
            // There may be two servers, or one of three is away.
            found = context.get_or_create_stream(config(1)).await;
        }
        let stream = found.map_err(told)?;
        if stream.cached_info().config.num_replicas < wanted
            && let Err(error) = context.update_stream(config(wanted)).await
        {
            tracing::debug!(%error, "the bus keeps one copy for now");
        }
        Ok(stream)
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
