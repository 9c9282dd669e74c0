//! Kafka as the source of a consumer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::stream;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;

use super::client::Client;
use super::config::{Fixed, KafkaConfig, KafkaConfigError};
use super::message::{BINDING, Held};
use super::shared::{Phase, Shared};
use crate::consumer::{Consumer, ConsumerError, Hook, Incoming, Intake, Source, report_broker};
use crate::format::Binding;
use crate::model::Gap;

/// How often to look whether the consumer is shutting down.
const LOOK: Duration = Duration::from_millis(50);
/// How long the client may take to leave the group.
const LEAVE: Duration = Duration::from_secs(5);

const FIXED: &[Fixed] = &[
    Fixed {
        property: "group.id",
        value: None,
        reason: "pass the name of the group to `KafkaConsumer::subscribe` instead",
    },
    Fixed {
        property: "enable.auto.commit",
        value: Some("false"),
        reason: "set it to `false`, or offsets are committed before the database has committed",
    },
    Fixed {
        property: "enable.auto.offset.store",
        value: Some("false"),
        reason: "set it to `false`, or offsets are committed before the database has committed",
    },
    Fixed {
        property: "auto.offset.reset",
        value: Some("earliest"),
        reason: "set it to `earliest`, or events are lost when the group has no offset; events that were applied before are duplicates",
    },
    Fixed {
        property: "group.protocol",
        value: Some("classic"),
        reason: "set it to `classic`, because the librdkafka that is built stops at some errors of the other one",
    },
    Fixed {
        property: "enable.partition.eof",
        value: Some("false"),
        reason: "set it to `false`, the end of a partition means nothing here",
    },
];

/// Feeds a replica from topics of Kafka. Any number of processes can share the work, as members of
/// one consumer group. See [`Consumer`] for the settings and for what happens to an event.
///
/// The offset of a partition is committed up to the first message that is not done, once per second,
/// when the partition goes to another member, and at the shutdown. After a crash, the messages since
/// then come again, and those that were applied are duplicates. If the group has no offset, or the
/// messages there were deleted, the partition is read from its beginning. The latter is
/// [reported](Consumer::on_problem), because events may be lost.
///
/// The shutdown also ends with the farewell to the group if events in flight were given up after the
/// [`shutdown_timeout`](Consumer::shutdown_timeout), which takes up to 5 s more.
///
/// Kafka cannot deliver a single message again. Early events wait in the process, and then with the
/// [dead letters](crate::dead_letters) or with the parked events. See [`ordered`](Consumer::ordered).
///
/// While there is no room [in hand](Consumer::in_hand), for example because the database is
/// unreachable, the partitions are paused. The client is still polled, so that the group does not
/// take them away.
///
/// Messages of this crate's form without a body (tombstones) become dead letters. Other forms decide
/// what they mean. A header whose name is not UTF-8 is ignored.
pub type KafkaConsumer = Consumer<Kafka>;

/// Topics of Kafka, as the source of a [`KafkaConsumer`].
pub struct Kafka {
    config: ClientConfig,
    topics: Vec<String>,
    is_ordered: bool,
}

impl Consumer<Kafka> {
    /// Creates a consumer of these topics, as a member of the group. It connects when it runs.
    ///
    /// Create the topics first: a topic that is missing is reported, and consumed when it exists.
    ///
    /// # Errors
    ///
    /// Returns [`KafkaConfigError::Property`] if the configuration would lose events, and
    /// [`KafkaConfigError::Client`] if librdkafka refuses a property.
    pub fn subscribe<T: Into<String>>(
        config: &KafkaConfig,
        group: &str,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<Self, KafkaConfigError> {
        let defaults = [
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", "15000"),
            ("heartbeat.interval.ms", "3000"),
            ("queued.min.messages", "1000"),
            ("queued.max.messages.kbytes", "16384"),
            ("fetch.queue.backoff.ms", "100"),
            ("fetch.error.backoff.ms", "100"),
            ("topic.metadata.refresh.interval.ms", "30000"),
        ];
        let mut config = config.client(&defaults, FIXED)?;
        config.set("group.id", group);
        // Commits that fail are logged, and nothing else tells of them.
        if (config.log_level as i32) < RDKafkaLogLevel::Warning as i32 {
            config.set_log_level(RDKafkaLogLevel::Warning);
        }
        // Whether librdkafka takes the properties.
        let client = config.create::<BaseConsumer>();
        client.map_err(|error| KafkaConfigError::client(&error))?;
        Ok(Self::of(Kafka {
            config,
            topics: topics.into_iter().map(Into::into).collect(),
            is_ordered: false,
        }))
    }

    /// Promises that the events of a record are in the order of their versions in the log: that the
    /// relay is [ordered](crate::outbox::Relay::ordered), or that its database's writers publish
    /// in this order.
    ///
    /// Without this promise, the replica needs `gap = "park"` or `policy = "latest"`, because Kafka
    /// does not deliver an early event again.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.source.is_ordered = true;
        self
    }
}

impl Source for Kafka {
    type Delivery = Held;

    const BINDING: Binding = BINDING;
    const REDELIVERS: bool = false;

    fn check(&self, gap: Gap, _: bool) -> Result<(), ConsumerError> {
        if gap == Gap::Nack && !self.is_ordered {
            return Err(ConsumerError::Configuration(
                "set `gap = \"park\"` on the replica, or make the relay `ordered()` and call `KafkaConsumer::ordered`: Kafka does not deliver an early event again".to_owned(),
            ));
        }
        Ok(())
    }

    fn farewell(&self) -> Duration {
        // Otherwise the group would wait for this member until its session times out.
        LEAVE + LOOK
    }

    fn deliveries<'s>(
        &'s self,
        intake: Intake<'s>,
    ) -> impl futures_util::Stream<Item = Incoming<Held>> + Send + 's {
        let deliveries = Deliveries::start(self, intake);
        stream::unfold(deliveries, async |mut deliveries| {
            let incoming = deliveries.next().await?;
            Some((incoming, deliveries))
        })
    }
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka")
            .field("group", &self.config.get("group.id"))
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

/// The messages of a client, which runs on a thread of its own.
struct Deliveries<'c> {
    receiver: UnboundedReceiver<Incoming<Held>>,
    shared: Arc<Shared>,
    report: &'c Hook,
    closing: &'c AtomicBool,
    /// Ends with the thread.
    thread: oneshot::Receiver<()>,
    is_lost: bool,
}

impl<'c> Deliveries<'c> {
    fn start(source: &Kafka, intake: Intake<'c>) -> Self {
        let Intake {
            in_hand,
            report,
            closing,
        } = intake;
        let (sender, receiver) = unbounded_channel();
        let shared = Arc::new(Shared::new(in_hand));
        let client = Client {
            config: source.config.clone(),
            topics: source.topics.clone(),
            shared: Arc::clone(&shared),
            report: Arc::clone(report),
            sender,
        };
        let (running, thread) = oneshot::channel::<()>();
        let named = thread::Builder::new().name("versioned-kafka".to_owned());
        let spawned = named.spawn(move || {
            let _running = running;
            client.run();
        });
        if let Err(error) = spawned {
            report_broker(report, &error.to_string());
        }
        Self {
            receiver,
            shared,
            report,
            closing,
            thread,
            is_lost: false,
        }
    }

    async fn next(&mut self) -> Option<Incoming<Held>> {
        loop {
            if self.closing.load(Ordering::Relaxed) {
                self.close().await;
                return None;
            }
            let received = async {
                if self.is_lost {
                    std::future::pending().await
                } else {
                    self.receiver.recv().await
                }
            };
            match tokio::time::timeout(LOOK, received).await {
                Ok(Some(incoming)) => return Some(incoming),
                Ok(None) => {
                    self.is_lost = true;
                    let reason = "the thread of the client has ended".to_owned();
                    return Some(Incoming::End(ConsumerError::Broker(reason)));
                }
                Err(_) => {}
            }
        }
    }

    /// Waits until the messages in hand are settled, and the client has committed and left.
    async fn close(&mut self) {
        self.shared.enter(Phase::Draining);
        loop {
            while self.receiver.try_recv().is_ok() {}
            if self.shared.is_empty() {
                break;
            }
            tokio::time::sleep(LOOK / 5).await;
        }
        self.shared.enter(Phase::Closing);
        let left = tokio::time::timeout(LEAVE, &mut self.thread).await;
        if left.is_err() {
            let problem = format!("the client has not left its group within {LEAVE:?}");
            report_broker(self.report, &problem);
        }
    }
}

impl Drop for Deliveries<'_> {
    fn drop(&mut self) {
        self.shared.enter(Phase::Closing);
    }
}
