//! The queue of a replica: checked, or declared.

use std::num::NonZeroU32;
use std::time::Duration;

use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::link::{Failure, Link, within};

/// The queue that a [`RabbitMqConsumer`](super::RabbitMqConsumer) receives from.
#[derive(Debug, Clone)]
pub struct Queue {
    name: String,
    declared: Option<Declared>,
}

#[derive(Debug, Clone)]
struct Declared {
    dead_letter_exchange: String,
    delivery_limit: NonZeroU32,
    bindings: Vec<(String, String)>,
}

impl Queue {
    /// A queue that exists, and is only checked. It should be a quorum queue, bound to the
    /// exchange of the publisher, without a maximum length that drops messages and without expiry.
    ///
    /// Look at its delivery limit, which may be set by a policy: a server from 4.0 drops a message
    /// after 20 returns by default, and each connection that is lost counts as one.
    pub fn existing(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            declared: None,
        }
    }

    /// A durable quorum queue, which is declared if it does not exist. Its messages go to the
    /// dead-letter exchange at the [delivery limit](Self::delivery_limit), and stay in the queue
    /// until that exchange has a queue for them (`at-least-once`). The exchange must exist, and a
    /// queue must be bound to it.
    ///
    /// The arguments of a queue can never be changed. If it exists with others, the consumer
    /// reports that, and receives nothing. Use a policy for settings that may change.
    pub fn declared(name: impl Into<String>, dead_letter_exchange: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            declared: Some(Declared {
                dead_letter_exchange: dead_letter_exchange.into(),
                delivery_limit: const { NonZeroU32::new(1_000).unwrap() },
                bindings: Vec::new(),
            }),
        }
    }

    /// Sets how often a message may come back to the queue that is declared, before it is
    /// dead-lettered. Each connection that is lost counts for all messages in hand. The default is
    /// 1,000.
    #[must_use]
    pub fn delivery_limit(mut self, returns: NonZeroU32) -> Self {
        if let Some(declared) = &mut self.declared {
            declared.delivery_limit = returns;
        }
        self
    }

    /// Binds the queue that is declared to an exchange, with a pattern such as `tickets.*`. The
    /// exchange must exist. Bindings are added, and never removed.
    #[must_use]
    pub fn bound_to(mut self, exchange: impl Into<String>, pattern: impl Into<String>) -> Self {
        if let Some(declared) = &mut self.declared {
            declared.bindings.push((exchange.into(), pattern.into()));
        }
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Checks or declares the queue, on a channel of its own: the server closes it if it refuses.
    pub(super) async fn prepare(
        &self,
        link: &Link,
        time: Duration,
    ) -> Result<ShortString, Failure> {
        let name = short(&self.name)?;
        let channel = link.channel(time).await?;
        let Some(declared) = &self.declared else {
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::durable()
            };
            let found = channel.queue_declare(name.clone(), options, FieldTable::default());
            let found = within(time, "look for the queue", found).await;
            found.map_err(|failure| {
                failure.advised_if_missing(format_args!("create the queue `{name}`"))
            })?;
            return Ok(name);
        };
        let options = QueueDeclareOptions::durable();
        let made = channel.queue_declare(name.clone(), options, declared.arguments());
        within(time, "declare the queue", made).await.map_err(|failure| {
            if failure.is_refusal() {
                failure.advised(format_args!(
                    "use `Queue::existing`, and a policy for its settings: the queue `{name}` exists with other arguments"
                ))
            } else {
                failure
            }
        })?;
        for (exchange, pattern) in &declared.bindings {
            let (exchange, pattern) = (short(exchange)?, short(pattern)?);
            let (options, table) = (QueueBindOptions::default(), FieldTable::default());
            let bound = channel.queue_bind(name.clone(), exchange.clone(), pattern, options, table);
            let bound = within(time, "bind the queue", bound).await;
            bound.map_err(|failure| {
                failure.advised_if_missing(format_args!("create the exchange `{exchange}`"))
            })?;
        }
        // It is closed when it is dropped.
        Ok(name)
    }
}

impl Declared {
    fn arguments(&self) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let limit = AMQPValue::LongLongInt(self.delivery_limit.get().into());
        let arguments = [
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", limit),
            ("x-dead-letter-exchange", text(&self.dead_letter_exchange)),
            ("x-dead-letter-strategy", text("at-least-once")),
            // Without it, the strategy is `at-most-once`.
            ("x-overflow", text("reject-publish")),
        ];
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert(name.into(), value);
        }
        table
    }
}

fn short(name: &str) -> Result<ShortString, Failure> {
    ShortString::try_new(name)
        .map_err(|_| Failure::new("use names of at most 255 bytes for queues and exchanges"))
}
