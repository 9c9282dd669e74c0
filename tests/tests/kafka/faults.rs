//! Faults of a broker, on librdkafka's mock cluster.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Fault};
use versioned_core::outbox::{PublishError, Publisher as _, Relay};

use super::*;

const TOPIC: &str = "events.tickets";

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> (Cluster, Shared) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    let broker = Shared::at(cluster.bootstrap_servers());
    (cluster, broker)
}

fn rows(versions: std::ops::RangeInclusive<i64>) -> Vec<OutboxRow> {
    versions
        .map(|version| row("7", version, &version.to_string()))
        .collect()
}

fn versions(broker: &Shared) -> Vec<i64> {
    let stored = stored(broker, TOPIC).into_iter();
    stored
        .map(|(_, version)| version.parse().unwrap())
        .collect()
}

/// The idempotent producer sends what failed before what came after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_that_pass_do_not_change_the_order() {
    let (cluster, broker) = cluster();
    let publisher = publisher(&broker, "events");
    let faults = [Fault::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 3];
    cluster.request_errors(RDKafkaApiKey::Produce, &faults);
    assert_eq!(publisher.publish(&rows(1..=20)).await, vec![Ok(()); 20]);
    assert_eq!(versions(&broker), (1..=20).collect::<Vec<_>>());
}

/// Such a producer refuses everything from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_that_failed_for_good_is_replaced() {
    let (cluster, broker) = cluster();
    let publisher = publisher(&broker, "events");
    assert_eq!(publisher.publish(&rows(1..=2)).await, vec![Ok(()); 2]);
    let fault = Fault::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::Produce, &[fault]);
    let answers = publisher.publish(&rows(3..=4)).await;
    for answer in answers {
        assert!(
            matches!(answer, Err(PublishError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert_eq!(publisher.publish(&rows(3..=4)).await, vec![Ok(()); 2]);
    assert_eq!(versions(&broker), [1, 2, 3, 4]);
}

/// All events together, whatever their number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_costs_one_timeout() {
    let (cluster, broker) = cluster();
    let settings = config(&broker).set("message.timeout.ms", "2000");
    let publisher = KafkaPublisher::new(&settings, "events").unwrap();
    cluster.broker_down(1).unwrap();
    let start = Instant::now();
    let answers = publisher.publish(&rows(1..=20)).await;
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    for answer in &answers {
        assert!(
            matches!(answer, Err(PublishError::Unavailable(_))),
            "{answer:?}"
        );
    }
    cluster.broker_up(1).unwrap();
    until("they are published", async || {
        publisher.publish(&rows(1..=20)).await == vec![Ok(()); 20]
    })
    .await;
    let versions = versions(&broker);
    assert_eq!(
        versions[versions.len() - 20..],
        (1..=20).collect::<Vec<_>>()
    );
}

/// The relay has given its claim back, and another one may publish newer events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_after_the_relay_gave_up() {
    let (cluster, broker) = cluster();
    let (db, mut blocking) = database();
    announce(1..=5, "concert", &mut blocking);
    let relay = Relay::new(publisher(&broker, "events")).timeout(Duration::from_secs(1));
    cluster.broker_down(1).unwrap();
    let mut conn = connect(&db).await;
    let pass = relay.run_once_async(&mut conn).await.unwrap();
    assert_eq!((pass.published, pass.unavailable), (0, 5));
    cluster.broker_up(1).unwrap();
    // Longer than the pauses between attempts to connect.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(broker.stored(TOPIC), []);
    let relay = Relay::new(publisher(&broker, "events"));
    assert_eq!(relay.run_once_async(&mut conn).await.unwrap().published, 5);
    assert_eq!(broker.stored(TOPIC).len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_into_the_queue_is_not_overtaken() {
    let (_cluster, broker) = cluster();
    let settings = config(&broker)
        .set("queue.buffering.max.messages", "10")
        .set("linger.ms", "1000");
    let publisher = KafkaPublisher::new(&settings, "events").unwrap();
    let answers = publisher.publish(&rows(1..=30)).await;
    let count = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert_eq!(count, 10);
    for answer in &answers[count..] {
        let Err(PublishError::Unavailable(reason)) = answer else {
            panic!("{answer:?}");
        };
        assert!(
            reason.starts_with("QueueFull") || reason.starts_with("it waits for tickets/7/11"),
            "{reason}"
        );
    }
    assert_eq!(versions(&broker), (1..=10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_that_is_closed_sends_what_is_queued_and_nothing_more() {
    let (cluster, broker) = cluster();
    let rtt = Duration::from_millis(500);
    cluster.broker_round_trip_time(1, rtt).unwrap();
    let publisher = publisher(&broker, "events");
    let theirs = publisher.clone();
    let publishing = tokio::spawn(async move { theirs.publish(&rows(1..=3)).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(publisher.close(STUCK).await, Ok(()));
    assert_eq!(publishing.await.unwrap(), vec![Ok(()); 3]);
    let closed = PublishError::Unavailable("the publisher is closed".to_owned());
    assert_eq!(publisher.publish(&rows(4..=4)).await, [Err(closed)]);
    assert_eq!(publisher.close(STUCK).await, Ok(()));
    cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    assert_eq!(versions(&broker), [1, 2, 3]);
}
