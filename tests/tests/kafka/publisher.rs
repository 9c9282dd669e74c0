//! A relay's events, to topics.

use std::sync::{Arc, Mutex};

use versioned_core::format::{Binding, CloudEvents, Encode, Encoded};
use versioned_core::outbox::{self, PublishError, Publisher as _, Relay};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_a_message_on_the_topic_of_its_entity_under_the_key_of_its_record() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    announce(1..=30, "concert", &mut conn);
    for id in 1..=30 {
        let mut ticket = Ticket {
            id,
            note: "concert".to_owned(),
            version: 1,
        };
        ticket.note = "opera".to_owned();
        ticket.save(&mut conn).unwrap();
    }
    let payloads = diesel::dsl::sql::<(diesel::sql_types::Text, diesel::sql_types::Text)>(
        "SELECT key, payload FROM versioned_outbox ORDER BY id",
    );
    let payloads: Vec<(String, String)> = payloads.load(&mut conn).unwrap();
    assert_eq!(payloads.len(), 60);
    let (prefix, topic) = tickets_topic(&broker, 3).await;
    let relay = Relay::new(publisher(&broker, &prefix));
    let pass = relay.run_once_async(&mut connect(&db).await).await.unwrap();
    assert_eq!(
        (pass.published, pass.unavailable, pass.rejected),
        (60, 0, 0)
    );
    let stored = stored(&broker, &topic);
    // Each record's events are in their order.
    for id in 1..=30 {
        let of_record = |all: &[(String, String)]| -> Vec<(String, String)> {
            let all = all.iter().filter(|(key, _)| *key == id.to_string());
            all.cloned().collect()
        };
        assert_eq!(of_record(&stored), of_record(&payloads));
    }
    assert_eq!(stored.len(), 60);
}

/// The hashes are those of the Java client's own tests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_partition_of_a_key_is_that_of_a_java_producer() {
    const PARTITIONS: i32 = 7;
    let broker = Broker::shared();
    let (prefix, topic) = tickets_topic(&broker, PARTITIONS).await;
    let hashes = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        (
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        ("abc", 479_470_107),
    ];
    let rows: Vec<_> = hashes.iter().map(|(key, _)| row(key, 1, "{}")).collect();
    let answers = publisher(&broker, &prefix).publish(&rows).await;
    assert_eq!(answers, vec![Ok(()); hashes.len()]);
    let stored = broker.stored(&topic);
    for (key, hash) in hashes {
        let message = stored
            .iter()
            .find(|message| message.key.as_deref() == Some(key));
        let expected = (hash & 0x7fff_ffff) % PARTITIONS;
        assert_eq!(message.unwrap().partition, expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_key_can_be_published() {
    let broker = Broker::shared();
    let (prefix, topic) = tickets_topic(&broker, 1).await;
    let keys = ["", "%", "a.b", "a b", "a\r\nb", "ä", "\0", "/", "7"];
    let rows: Vec<_> = keys.iter().map(|key| row(key, 1, key)).collect();
    let answers = publisher(&broker, &prefix).publish(&rows).await;
    assert_eq!(answers, vec![Ok(()); keys.len()]);
    let expected: Vec<_> = keys.map(|key| (key.to_owned(), key.to_owned())).into();
    assert_eq!(stored(&broker, &topic), expected);
}

/// The broker answers a request as a whole, and the others in it are sent again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_too_large_is_put_aside_and_the_rest_flows() {
    let broker = Broker::shared();
    let (db, mut blocking) = database();
    announce(1..=20, "concert", &mut blocking);
    announce([21], &"x".repeat(20_000), &mut blocking);
    announce([22], &"x".repeat(2_000_000), &mut blocking);
    announce(23..=40, "concert", &mut blocking);
    let prefix = broker.name();
    let topic = format!("{prefix}.tickets");
    // librdkafka knows its own limit, and not that of the topic.
    broker
        .create_topic(&topic, 1, &[("max.message.bytes", "10000")])
        .await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&heard);
    let relay = Relay::new(publisher(&broker, &prefix))
        .on_problem(move |problem| theirs.lock().unwrap().push(problem.to_string()));
    let pass = relay.run_once_async(&mut connect(&db).await).await.unwrap();
    assert_eq!(
        (pass.published, pass.rejected, pass.unavailable),
        (38, 2, 0)
    );
    assert_eq!(broker.stored(&topic).len(), 38);
    let lag = outbox::Lag::load(&mut blocking).unwrap();
    assert_eq!((lag.pending, lag.rejected), (2, 2));
    let heard = heard.lock().unwrap();
    for (problem, id) in heard.iter().zip([21, 22]) {
        let expected = format!(
            "the broker rejected tickets/{id}/1: raise `message.max.bytes` of the publisher and `max.message.bytes` of the topic {topic}"
        );
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

/// The last message of a record in the log must not be an old one, or compaction would keep it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_events_of_a_record_wait_for_one_that_failed() {
    let broker = Broker::shared();
    let prefix = broker.name();
    let topic = format!("{prefix}.tickets");
    broker
        .create_topic(&topic, 1, &[("max.message.bytes", "10000")])
        .await;
    let publisher = publisher(&broker, &prefix);
    for large in [20_000, 2_000_000] {
        let large = "x".repeat(large);
        let rows = [
            row("1", 1, "1"),
            row("2", 1, &large),
            row("1", 2, "2"),
            row("2", 2, "2"),
            row("2", 3, "3"),
        ];
        let answers = publisher.publish(&rows).await;
        assert_eq!((&answers[0], &answers[2]), (&Ok(()), &Ok(())));
        assert!(
            matches!(&answers[1], Err(PublishError::Rejected(_))),
            "{answers:?}"
        );
        let waits = PublishError::Unavailable(
            "it waits for tickets/2/1, which was not published".to_owned(),
        );
        assert_eq!(answers[3..], [Err(waits.clone()), Err(waits)]);
    }
    let stored = stored(&broker, &topic);
    assert!(stored.iter().all(|(key, _)| key == "1"), "{stored:?}");
    assert_eq!(stored.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_topic_the_events_wait_and_the_reason_says_what_to_do() {
    let broker = Broker::shared();
    let (db, mut blocking) = database();
    announce(1..=5, "concert", &mut blocking);
    let prefix = broker.name();
    let topic = format!("{prefix}.tickets");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&heard);
    let relay = Relay::new(publisher(&broker, &prefix))
        .on_problem(move |problem| theirs.lock().unwrap().push(problem.to_string()));
    let mut conn = connect(&db).await;
    let pass = relay.run_once_async(&mut conn).await.unwrap();
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (0, 0, 5));
    let expected = format!(
        "the broker accepted none of 5 events: create the topic {topic}, which does not exist"
    );
    assert_eq!(*heard.lock().unwrap(), [expected]);

    broker.create_topic(&topic, 2, &[]).await;
    until("an empty outbox", async || {
        relay.run_once_async(&mut conn).await.unwrap().taken() == 0
    })
    .await;
    assert_eq!(stored(&broker, &topic).len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_illegal_topic_is_refused_with_the_event() {
    struct Elsewhere(&'static str);
    impl Encode for Elsewhere {
        fn encode(&self, row: &OutboxRow, binding: Binding) -> Result<Encoded, String> {
            assert_eq!(binding, Binding::Kafka);
            let mut encoded = Encoded::new(row.payload.as_bytes());
            encoded.subject = Some(self.0.to_owned());
            Ok(encoded)
        }
    }
    let broker = Broker::shared();
    let publisher = publisher(&broker, "events").format(Elsewhere("a b"));
    let expected = PublishError::Rejected(
        "choose another topic: `a b` has not 1 to 249 letters, digits, `.`, `_` and `-`".to_owned(),
    );
    assert_eq!(
        publisher.publish(&[row("1", 1, "{}")]).await,
        [Err(expected)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloud_events_have_their_attributes_in_headers_of_kafka() {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::message::{Headers as _, Message as _};

    let broker = Broker::shared();
    let (db, mut conn) = database();
    announce([7], "concert", &mut conn);
    let (prefix, topic) = tickets_topic(&broker, 1).await;
    let form = CloudEvents::new().source("/tickets").binary();
    let relay = Relay::new(publisher(&broker, &prefix).format(form));
    let pass = relay.run_once_async(&mut connect(&db).await).await.unwrap();
    assert_eq!(pass.published, 1);
    let mut settings = broker.config();
    settings
        .set("group.id", "x")
        .set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = settings.create().unwrap();
    let mut all = rdkafka::TopicPartitionList::new();
    all.add_partition_offset(&topic, 0, rdkafka::Offset::Beginning)
        .unwrap();
    consumer.assign(&all).unwrap();
    let message = consumer.poll(STUCK).unwrap().unwrap();
    assert_eq!(message.key(), Some(&b"7"[..]));
    let headers = message.headers().unwrap();
    let names: Vec<&str> = headers.iter().map(|header| header.key).collect();
    assert!(
        names.contains(&"ce_type") && names.contains(&"ce_id"),
        "{names:?}"
    );
}

/// With the time of the event, retention would delete what waited in the outbox for long, although it was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_has_the_time_of_its_publication() {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::message::Message as _;

    let broker = Broker::shared();
    let prefix = broker.name();
    let topic = format!("{prefix}.tickets");
    let retention = [("retention.ms", "60000"), ("segment.ms", "100")];
    broker.create_topic(&topic, 1, &retention).await;
    let publisher = publisher(&broker, &prefix);
    let now = || {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap();
        i64::try_from(since.as_millis()).unwrap()
    };
    let before = now();
    for version in 1..=5 {
        let old = r#"{"at":"2020-01-01T00:00:00Z"}"#;
        let answers = publisher.publish(&[row("7", version, old)]).await;
        assert_eq!(answers, [Ok(())]);
        // Another segment.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // The server looks for what is too old every 500 ms.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(broker.watermarks(&topic), [(0, 0, 5)]);
    let mut settings = broker.config();
    settings.set("group.id", "x");
    let consumer: BaseConsumer = settings.create().unwrap();
    let mut all = rdkafka::TopicPartitionList::new();
    all.add_partition_offset(&topic, 0, rdkafka::Offset::Beginning)
        .unwrap();
    consumer.assign(&all).unwrap();
    let message = consumer.poll(STUCK).unwrap().unwrap();
    let time = message.timestamp().to_millis().unwrap();
    assert!((before..=now()).contains(&time), "{time}");
}

/// What was acknowledged is stored, and what could not be sent stays in the outbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_fills_the_outbox_and_loses_nothing() {
    let server = Broker::start();
    let broker = server.client();
    let (db, mut blocking) = database();
    let (prefix, topic) = tickets_topic(&broker, 3).await;
    let settings = config(&broker).set("message.timeout.ms", "2000");
    let relay = Relay::new(KafkaPublisher::new(&settings, prefix).unwrap())
        .batch(50)
        .poll(Duration::from_millis(20), Duration::from_millis(200));
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = tokio::spawn(async move {
        let connect = || AsyncPgConnection::establish(&url);
        relay.run_async(connect, stop).await
    });
    for part in 0..2 {
        announce(part * 200 + 1..=part * 200 + 100, "concert", &mut blocking);
        server.down();
        announce(
            part * 200 + 101..=part * 200 + 200,
            "concert",
            &mut blocking,
        );
        tokio::time::sleep(Duration::from_secs(3)).await;
        let waiting = outbox::Lag::load(&mut blocking).unwrap();
        assert!(waiting.pending >= 100, "{waiting:?}");
        assert_eq!(waiting.rejected, 0);
        server.up();
        until("an empty outbox", async || {
            outbox::Lag::load(&mut blocking).unwrap().pending == 0
        })
        .await;
    }
    // What was acknowledged just now must have been stored.
    server.kill();
    server.wait();
    shutdown.stop();
    assert_eq!(run.await.unwrap().published, 400);
    let mut keys: Vec<_> = stored(&broker, &topic)
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 400);
}

/// On blocking connections, in a thread without a runtime.
#[test]
fn a_blocking_relay_can_publish_to_it() {
    let broker = Broker::shared();
    let (_db, mut conn) = database();
    announce(1..=5, "concert", &mut conn);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (prefix, topic) = runtime.block_on(tickets_topic(&broker, 1));
    let relay = Relay::new(publisher(&broker, &prefix));
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 5);
    assert_eq!(stored(&broker, &topic).len(), 5);
}
