//! The thread of the client: polls it, and passes the messages on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message as _};
use tokio::sync::mpsc::UnboundedSender;

use super::context::Context;
use super::ledger::{Ledger, Partition};
use super::message::{Held, Record};
use super::shared::{Phase, Shared};
use crate::consumer::{ConsumerError, Hook, Incoming, report_broker};

/// The longest poll.
const POLL: Duration = Duration::from_millis(100);
/// The pause between two commits.
const COMMIT: Duration = Duration::from_secs(1);
/// The pause between two commits while nothing moves, for those that were refused.
const REPEAT: Duration = Duration::from_secs(10);
/// How long there must be no room before the partitions are paused, which throws away what was
/// fetched of them.
const PAUSE: Duration = Duration::from_secs(1);
/// The pause before a client is made again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the thread needs.
pub(super) struct Client {
    pub(super) config: ClientConfig,
    pub(super) topics: Vec<String>,
    pub(super) shared: Arc<Shared>,
    pub(super) report: Hook,
    pub(super) sender: UnboundedSender<Incoming<Held>>,
}

/// How a session with the brokers ended.
enum Ended {
    /// The consumer is shut down.
    Closed,
    /// The client has to be made again.
    Broken(String),
    /// No client is let in.
    ForGood(String),
}

impl Client {
    /// Runs until the shutdown. Everything that the client does happens on this thread.
    pub(super) fn run(self) {
        loop {
            let ended = self.session();
            self.shared.with_ledger(Ledger::revoke_all);
            match ended {
                Ended::Closed => return,
                Ended::Broken(reason) => {
                    report_broker(&self.report, &reason);
                    let end = Instant::now() + AGAIN;
                    while Instant::now() < end && self.shared.phase() < Phase::Closing {
                        self.shared.wait(AGAIN);
                    }
                }
                Ended::ForGood(reason) => {
                    let error = ConsumerError::Broker(reason);
                    self.sender.send(Incoming::End(error)).ok();
                    while self.shared.phase() < Phase::Closing {
                        self.shared.wait(AGAIN);
                    }
                }
            }
            if self.shared.phase() == Phase::Closing {
                return;
            }
        }
    }

    fn session(&self) -> Ended {
        let context = Context::new(Arc::clone(&self.shared), Arc::clone(&self.report));
        let consumer: BaseConsumer<Context> = match self.config.create_with_context(context) {
            Ok(consumer) => consumer,
            Err(error) => return Ended::Broken(error.to_string()),
        };
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        if let Err(error) = consumer.subscribe(&topics) {
            return Ended::Broken(error.to_string());
        }
        // The offsets are committed when the consumer is dropped, which revokes its partitions.
        self.poll(&consumer)
    }

    fn poll(&self, consumer: &BaseConsumer<Context>) -> Ended {
        let context = consumer.context();
        let mut committed = Instant::now();
        let mut full: Option<Instant> = None;
        let mut topics: Vec<Arc<str>> = Vec::new();
        loop {
            if self.shared.phase() == Phase::Closing {
                return Ended::Closed;
            }
            if let Some(reason) = context.broken() {
                return Ended::Broken(reason);
            }
            let since = committed.elapsed();
            if since >= REPEAT || (since >= COMMIT && context.has_moved()) {
                context.commit(consumer);
                committed = Instant::now();
            }
            if context.is_paused() {
                if self.shared.has_much_room() {
                    context.pause(consumer, false);
                }
            } else if self.shared.has_room() {
                full = None;
            } else if full.get_or_insert_with(Instant::now).elapsed() < PAUSE {
                self.shared.wait(POLL);
                continue;
            } else {
                context.pause(consumer, true);
            }
            match consumer.poll(POLL) {
                None => {}
                Some(Ok(message)) => self.deliver(&message, &mut topics, context),
                Some(Err(error)) => {
                    if let Some(ended) = fails(&error, context) {
                        return ended;
                    }
                }
            }
        }
    }

    fn deliver(
        &self,
        message: &BorrowedMessage<'_>,
        topics: &mut Vec<Arc<str>>,
        context: &Context,
    ) {
        context.works();
        let name = message.topic();
        let known = topics.iter().find(|topic| &***topic == name);
        let topic = known.cloned().unwrap_or_else(|| {
            let topic: Arc<str> = name.into();
            topics.push(Arc::clone(&topic));
            topic
        });
        let partition = Partition {
            topic,
            number: message.partition(),
        };
        // It was fetched before the partition went, if it is not owned.
        let Some(epoch) = self.shared.deliver(&partition, message.offset()) else {
            return;
        };
        let held = Held {
            record: Arc::new(Record::new(partition, message)),
            epoch,
            shared: Arc::clone(&self.shared),
        };
        // The stream may have been dropped.
        self.sender.send(Incoming::Delivery(held)).ok();
    }
}

/// Returns how the session ends, if it does. The client recovers from most errors by itself.
fn fails(error: &KafkaError, context: &Context) -> Option<Ended> {
    let reason = || context.reason().unwrap_or_else(|| error.to_string());
    let code = error.rdkafka_error_code();
    match (error, code) {
        (_, Some(Code::FencedInstanceId)) => Some(Ended::ForGood(format!(
            "give each process its own `group.instance.id`, another one has taken this one's: {}",
            reason()
        ))),
        (KafkaError::MessageConsumptionFatal(_), _) => Some(Ended::Broken(reason())),
        (_, code) => {
            context.report(code.unwrap_or(Code::Fail));
            None
        }
    }
}
