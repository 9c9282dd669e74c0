//! Kafka: a server that the tests of a process share, with topics of their own, and servers that may be killed.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::groups::GroupInfo;
use rdkafka::message::Message as _;
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::server::{self, Kind, Server, Starts};
use crate::waiting::STUCK;

const KIND: Kind = Kind {
    description: concat!(
        "repository='",
        env!("CARGO_MANIFEST_DIR"),
        "/..'\n",
        include_str!("../servers/kafka.sh")
    ),
    url: |port| format!("127.0.0.1:{port}"),
    probe: |url| {
        let client: BaseConsumer = config(url).create().map_err(|error| error.to_string())?;
        let metadata = client.fetch_metadata(None, Duration::from_secs(2));
        let metadata = metadata.map_err(|error| error.to_string())?;
        if metadata.brokers().is_empty() {
            return Err("it knows no broker".to_owned());
        }
        Ok(())
    },
};

/// How long an answer may take on a loaded machine.
const TIMEOUT: Duration = Duration::from_mins(1);

fn config(url: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", url)
        .set("reconnect.backoff.max.ms", "500");
    config
}

/// A message of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The partition.
    pub partition: i32,
    /// The key, as text.
    pub key: Option<String>,
    /// The body, as text.
    pub body: Option<String>,
}

/// A server, ended with the value or with the process.
pub struct Broker(Mutex<Server>);

impl Broker {
    /// The server of this test process, or the one that `VERSIONED_TEST_KAFKA_URL` names. No test kills it.
    ///
    /// # Panics
    ///
    /// When it is not installed, or does not answer.
    pub fn shared() -> Shared {
        static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
        Shared(Server::get(&SERVER, &KIND).admin_url().to_owned())
    }

    /// A new server without topics.
    ///
    /// # Panics
    ///
    /// When it is not installed, or does not answer.
    pub fn start() -> Self {
        let server = Server::start(&KIND, Starts::Again);
        Self(Mutex::new(
            server.unwrap_or_else(|message| panic!("{message}")),
        ))
    }

    /// What clients know of it.
    pub fn client(&self) -> Shared {
        Shared(self.server().admin_url().to_owned())
    }

    /// `kill -9`. It comes again by itself, a little later, with what it had stored.
    ///
    /// # Panics
    ///
    /// When it did not run.
    pub fn kill(&self) {
        self.server().kill();
    }

    /// `kill -9`, and it does not come again before [`up`](Self::up).
    ///
    /// # Panics
    ///
    /// As [`kill`](Self::kill).
    pub fn down(&self) {
        self.server().down();
    }

    /// Lets it come again, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn up(&self) {
        self.server().up();
    }

    /// Waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn wait(&self) {
        self.server().wait();
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broker").field(&self.client().0).finish()
    }
}

/// A server as its clients see it.
#[derive(Debug, Clone)]
pub struct Shared(String);

impl Shared {
    /// The server at this address, a mock cluster for example.
    pub fn at(url: String) -> Self {
        Self(url)
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        self.0.clone()
    }

    /// A name that no other test uses.
    pub fn name(&self) -> String {
        server::unique_name()
    }

    /// A new topic.
    ///
    /// # Panics
    ///
    /// When it cannot be created.
    pub async fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            topic = topic.set(name, value);
        }
        let created = self.admin().create_topics([&topic], &options()).await;
        only(created.expect("an answer"));
        // Other requests may not know it yet.
        let client: BaseConsumer = self.config().create().expect("a client");
        for _ in 0..600 {
            let metadata = client.fetch_metadata(Some(name), TIMEOUT);
            let metadata = metadata.expect("metadata");
            let partitions = metadata.topics().first().map(MetadataTopic::partitions);
            if partitions
                .is_some_and(|all| !all.is_empty() && all.iter().all(|one| one.leader() >= 0))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} has no leader");
    }

    /// Deletes a topic.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn delete_topic(&self, name: &str) {
        let deleted = self.admin().delete_topics(&[name], &options()).await;
        only(deleted.expect("an answer"));
    }

    /// Gives a topic so many partitions.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn add_partitions(&self, name: &str, partitions: usize) {
        let partitions = NewPartitions::new(name, partitions);
        let added = self
            .admin()
            .create_partitions([&partitions], &options())
            .await;
        only(added.expect("an answer"));
    }

    /// Deletes the messages of a partition before this offset, as retention does.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn delete_before(&self, topic: &str, partition: i32, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        let added = offsets.add_partition_offset(topic, partition, Offset::Offset(offset));
        added.expect("an offset");
        let deleted = self.admin().delete_records(&offsets, &options()).await;
        deleted.expect("deleted records");
    }

    /// Deletes the offsets of a group that has no members, as their retention does.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub async fn forget_group(&self, group: &str) {
        let mut last = None;
        for _ in 0..200 {
            let deleted = self.admin().delete_groups(&[group], &options()).await;
            match deleted.expect("an answer").pop() {
                Some(Ok(_)) => return,
                answer => last = answer,
            }
            // The last member may not have left yet.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{last:?}");
    }

    /// Sends a message.
    ///
    /// # Panics
    ///
    /// When it is not stored.
    pub fn send(&self, topic: &str, key: &str, body: &[u8]) {
        let mut config = self.config();
        config.set("partitioner", "murmur2_random");
        let producer: BaseProducer = config.create().expect("a producer");
        let record = BaseRecord::to(topic).key(key).payload(body);
        let sent = producer.send(record);
        sent.unwrap_or_else(|(error, _)| panic!("{error}"));
        producer.flush(TIMEOUT).expect("an acknowledgement");
    }

    /// All messages of a topic, by partition and in their order.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    pub fn stored(&self, topic: &str) -> Vec<Stored> {
        let consumer = self.reader("versioned-reader");
        let mut offsets = TopicPartitionList::new();
        let mut left = 0;
        for (partition, low, high) in self.watermarks(topic) {
            let added = offsets.add_partition_offset(topic, partition, Offset::Beginning);
            added.expect("an offset");
            left += high - low;
        }
        consumer.assign(&offsets).expect("an assignment");
        let mut stored = Vec::new();
        let end = Instant::now() + TIMEOUT;
        while left > 0 {
            assert!(Instant::now() < end, "{left} messages are missing");
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message.expect("a message");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            stored.push(Stored {
                partition: message.partition(),
                key: message.key().map(text),
                body: message.payload().map(text),
            });
            left -= 1;
        }
        stored.sort_by_key(|message| message.partition);
        stored
    }

    /// The partitions of a topic, each with its first and its next offset.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn watermarks(&self, topic: &str) -> Vec<(i32, i64, i64)> {
        let consumer = self.reader("versioned-reader");
        let metadata = consumer
            .fetch_metadata(Some(topic), TIMEOUT)
            .expect("metadata");
        let partitions = metadata.topics()[0].partitions().iter();
        partitions
            .map(|partition| {
                let marks = consumer.fetch_watermarks(topic, partition.id(), TIMEOUT);
                let (low, high) = marks.expect("watermarks");
                (partition.id(), low, high)
            })
            .collect()
    }

    /// The offset that a group has committed for a partition.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition(topic, partition);
        let committed = self.reader(group).committed_offsets(offsets, TIMEOUT);
        let committed = committed.expect("offsets");
        match committed.find_partition(topic, partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// Commits an offset of a group that has no members.
    ///
    /// # Panics
    ///
    /// When that fails.
    pub fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        let added = offsets.add_partition_offset(topic, partition, Offset::Offset(offset));
        added.expect("an offset");
        let committed = self.reader(group).commit(&offsets, CommitMode::Sync);
        committed.expect("a commit");
    }

    /// The number of members of a group.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn members(&self, group: &str) -> usize {
        self.member_ids(group).len()
    }

    /// The ids of the members of a group. A member that leaves and comes back has another one.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub fn member_ids(&self, group: &str) -> Vec<String> {
        let reader = self.reader("versioned-reader");
        let end = Instant::now() + STUCK;
        let groups = loop {
            match reader.fetch_group_list(Some(group), TIMEOUT) {
                Ok(groups) => break groups,
                // A server that has just started still loads its groups.
                Err(error) => assert!(Instant::now() < end, "the groups: {error}"),
            }
            thread::sleep(Duration::from_millis(100));
        };
        let members = groups.groups().iter().flat_map(GroupInfo::members);
        members.map(|member| member.id().to_owned()).collect()
    }

    fn reader(&self, group: &str) -> BaseConsumer {
        let mut config = self.config();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        config.create().expect("a consumer")
    }

    /// The settings of a client.
    pub fn config(&self) -> ClientConfig {
        config(&self.0)
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config().create().expect("an admin client")
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(TIMEOUT))
        .operation_timeout(Some(TIMEOUT))
}

fn only<T, E: fmt::Debug>(answers: Vec<Result<T, E>>) {
    for answer in answers {
        assert!(answer.is_ok(), "{:?}", answer.err());
    }
}
