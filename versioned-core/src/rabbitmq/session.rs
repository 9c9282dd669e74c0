//! One channel with its consumer, from its opening to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::uri::AMQPUri;
use lapin::{Channel, Consumer};
use tokio::sync::mpsc;

use super::ledger::{Answer, Ledger};
use super::link::{Failure, Link, within};
use super::message::{Held, Settled};
use super::queue::Queue;
use crate::consumer::Settlement;

/// How often to look whether the consumer is shutting down.
const TICK: Duration = Duration::from_millis(50);
/// The time for the farewell to the server.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection, a channel and a consumer, whose delivery tags mean nothing to any other.
pub(super) struct Session {
    link: Link,
    channel: Channel,
    consumer: Consumer,
    queue: Arc<str>,
    time: Duration,
    ledger: Ledger,
    send: mpsc::UnboundedSender<Settled>,
    settled: mpsc::UnboundedReceiver<Settled>,
    phase: Phase,
    has_settled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The server was told to deliver no more.
    Cancelled,
    /// All that it had delivered was received.
    Drained,
}

/// What happens in a session.
pub(super) enum Event {
    Delivery(Held),
    /// Everything is settled, after the consumer began to shut down.
    Done,
    /// The session is of no more use.
    Lost(Failure),
}

impl Session {
    pub(super) async fn open(
        uri: &AMQPUri,
        queue: &Queue,
        prefetch: u16,
        time: Duration,
    ) -> Result<Self, Failure> {
        let link = Link::open(uri, "versioned: consumer", time).await?;
        match Self::consume(&link, queue, prefetch, time).await {
            Ok((channel, consumer)) => {
                let (send, settled) = mpsc::unbounded_channel();
                Ok(Self {
                    link,
                    channel,
                    consumer,
                    queue: queue.name().into(),
                    time,
                    ledger: Ledger::default(),
                    send,
                    settled,
                    phase: Phase::Open,
                    has_settled: false,
                })
            }
            Err(failure) => {
                link.close(FAREWELL).await;
                Err(failure)
            }
        }
    }

    async fn consume(
        link: &Link,
        queue: &Queue,
        prefetch: u16,
        time: Duration,
    ) -> Result<(Channel, Consumer), Failure> {
        let name = queue.prepare(link, time).await?;
        let channel = link.channel(time).await?;
        // It counts for the consumers that begin after it.
        let qos = channel.basic_qos(prefetch, BasicQosOptions::default());
        within(time, "limit the messages in hand", qos).await?;
        let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(name, ShortString::default(), options, table);
        let consumer = within(time, "deliver messages", consumer).await?;
        Ok((channel, consumer))
    }

    /// Whether something was achieved.
    pub(super) fn has_settled(&self) -> bool {
        self.has_settled
    }

    /// Waits for the next thing to happen.
    pub(super) async fn next(&mut self, closing: &AtomicBool) -> Event {
        loop {
            match self.step(closing).await {
                Ok(None) => {}
                Ok(Some(event)) => return event,
                Err(failure) => return Event::Lost(failure),
            }
        }
    }

    async fn step(&mut self, closing: &AtomicBool) -> Result<Option<Event>, Failure> {
        let is_closing = closing.load(Ordering::Relaxed);
        if is_closing && self.phase == Phase::Open {
            self.phase = Phase::Cancelled;
            let (tag, options) = (self.consumer.tag(), BasicCancelOptions::default());
            let cancelled = self.channel.basic_cancel(tag, options);
            within(self.time, "deliver no more", cancelled).await?;
        }
        if self.phase == Phase::Drained && self.ledger.in_hand() == 0 {
            return Ok(Some(Event::Done));
        }
        tokio::select! {
            Some(first) = self.settled.recv() => {
                self.settle(first).await?;
                self.has_settled = true;
                Ok(None)
            }
            message = self.consumer.next(), if self.phase != Phase::Drained => match message {
                Some(Ok(message)) => {
                    let tag = message.delivery_tag;
                    self.ledger.deliver(tag);
                    Ok(Some(Event::Delivery(Held {
                        message: Arc::new(message),
                        queue: Arc::clone(&self.queue),
                        settled: self.send.clone(),
                    })))
                }
                Some(Err(error)) => Err(Failure::of(&error)),
                None if self.phase == Phase::Cancelled => {
                    self.phase = Phase::Drained;
                    Ok(None)
                }
                None => Err(self.ended()),
            },
            () = tokio::time::sleep(TICK) => Ok(None),
        }
    }

    /// The stream of messages ended, which is never their end.
    fn ended(&self) -> Failure {
        Failure::new(format!(
            "look for the queue `{}`: the server cancelled the consumer, as it does if the queue is deleted or its node is gone",
            self.queue
        ))
    }

    /// Tells the server what was settled: this one, and the others that are here too.
    async fn settle(&mut self, first: Settled) -> Result<(), Failure> {
        let mut all = vec![first];
        while let Ok(settled) = self.settled.try_recv() {
            all.push(settled);
        }
        let mut acknowledged = Vec::new();
        for Settled {
            tag, settlement, ..
        } in &all
        {
            match settlement {
                Settlement::Acknowledge => acknowledged.push(*tag),
                // It goes back, in its order, when the channel is closed.
                Settlement::Retry(_) if self.phase != Phase::Open => self.ledger.leave(*tag),
                Settlement::Retry(_) => {
                    if self.ledger.close(*tag) {
                        let requeue = BasicNackOptions {
                            requeue: true,
                            ..BasicNackOptions::default()
                        };
                        let told = self.channel.basic_nack(*tag, requeue);
                        within(self.time, "take a message back", told).await?;
                    }
                }
                Settlement::Reject => {
                    if self.ledger.close(*tag) {
                        let told = self
                            .channel
                            .basic_reject(*tag, BasicRejectOptions::default());
                        within(self.time, "reject a message", told).await?;
                    }
                }
            }
        }
        for answer in self.ledger.acknowledge(acknowledged) {
            let (tag, multiple) = match answer {
                Answer::Ack(tag) => (tag, false),
                Answer::AckUpTo(tag) => (tag, true),
            };
            let told = self.channel.basic_ack(tag, BasicAckOptions { multiple });
            within(self.time, "acknowledge messages", told).await?;
        }
        for Settled { done, .. } in all {
            // The other side may be gone.
            done.send(()).ok();
        }
        Ok(())
    }

    /// Ends the session. What is not settled goes back to the queue.
    pub(super) async fn close(self) {
        let text = ShortString::default();
        within(FAREWELL, "close the channel", self.channel.close(200, text))
            .await
            .ok();
        self.link.close(FAREWELL).await;
    }
}
