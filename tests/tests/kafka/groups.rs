//! Faults of a coordinator, on librdkafka's mock cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Fault};
use versioned_core::consumer::ConsumerProblem;

use super::*;

type Cluster = MockCluster<'static, DefaultProducerContext>;

/// A cluster with a topic of three partitions, and its name.
fn cluster() -> (Cluster, Shared, String) {
    let cluster = MockCluster::new(1).unwrap();
    let broker = Shared::at(cluster.bootstrap_servers());
    let topic = broker.name();
    cluster.create_topic(&topic, 3, 1).unwrap();
    (cluster, broker, topic)
}

/// While a group is rebalanced, it refuses commits. The offsets are committed later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_refused_comes_again() {
    let (cluster, broker, topic) = cluster();
    let (db, mut conn) = database();
    send_version(&broker, &topic, 1..=30, 1).await;
    let faults = [
        Fault::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
        Fault::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        Fault::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
    ];
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &faults);
    let heard = Heard::default();
    let running = Running::replica(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    until("all are applied", async || rows(&mut conn).len() == 30).await;
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!(figures.failed, 0);
    assert_eq!(heard.all(), [""; 0]);
}

/// Nothing moves after it, and librdkafka would not try again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_denied_is_reported_once_and_comes_again() {
    let (cluster, broker, topic) = cluster();
    let (db, mut conn) = database();
    let all = (1..=30).map(|id| event(Op::Updated, id, 1));
    send_all(&broker, &topic, all).await;
    let faults = [Fault::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED; 2];
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &faults);
    let heard = Heard::default();
    let running = Running::replica(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    until("all are applied", async || rows(&mut conn).len() == 30).await;
    all_committed(&broker, &topic).await;
    running.stop().await;
    let heard = heard.all();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(
        heard[0].contains("Offset commit (manual) failed"),
        "{heard:?}"
    );
}

/// librdkafka leaves the partition without an offset then, until the next rebalance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_that_could_not_be_read_are_read_again() {
    let (cluster, broker, topic) = cluster();
    let (db, mut conn) = database();
    send_version(&broker, &topic, 1..=30, 1).await;
    let fault = Fault::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[fault]);
    let heard = Heard::default();
    let running = Running::replica(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    let end = Instant::now() + Duration::from_mins(1);
    while rows(&mut conn).len() < 30 {
        assert!(Instant::now() < end, "{:?}", heard.all());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop().await;
}

/// Nothing waits for a coordinator without a limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_without_a_broker_ends() {
    for _ in 0..4 {
        let (cluster, broker, topic) = cluster();
        let (db, mut conn) = database();
        send_version(&broker, &topic, 1..=30, 1).await;
        let running = Running::replica(consumer(&broker, &topic), db.url());
        until("all are applied", async || rows(&mut conn).len() == 30).await;
        cluster.broker_down(1).unwrap();
        let start = Instant::now();
        running.stop().await;
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "{:?}",
            start.elapsed()
        );
    }
}

/// The client recovers from what a broker answers to joining members.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_cannot_be_joined_is_joined_later() {
    let (cluster, broker, topic) = cluster();
    let (db, mut conn) = database();
    send_version(&broker, &topic, 1..=30, 1).await;
    let faults = [
        Fault::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        Fault::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        Fault::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
    ];
    cluster.request_errors(RDKafkaApiKey::JoinGroup, &faults);
    cluster.request_errors(RDKafkaApiKey::SyncGroup, &faults[2..]);
    let running = Running::replica(consumer(&broker, &topic), db.url());
    until("all are applied", async || rows(&mut conn).len() == 30).await;
    all_committed(&broker, &topic).await;
    running.stop().await;
}

/// The thread of the client stands still for longer than the group permits, with commits that it has not sent. Its
/// partitions are lost, and go to another member, whose offsets it does not move back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_stood_still_moves_no_offset_of_the_next_one() {
    const STANDS: Duration = Duration::from_secs(15);
    let (cluster, broker, topic) = cluster();
    let (db, mut conn) = database();
    let settings = quick(&broker).set("max.poll.interval.ms", "6000");
    let member = || KafkaConsumer::subscribe(&settings, &topic, [&topic]).unwrap();
    let (stands, goes_on) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let first = {
        let (stands, goes_on) = (Arc::clone(&stands), Arc::clone(&goes_on));
        // The thread of the client calls it.
        let hook = move |problem: &ConsumerProblem<'_>| {
            let is_denied = problem
                .to_string()
                .contains("Offset commit (manual) failed");
            if is_denied && !stands.swap(true, Ordering::SeqCst) {
                std::thread::sleep(STANDS);
                goes_on.store(true, Ordering::SeqCst);
            }
        };
        Running::noting(member().on_problem(hook), db.url())
    };
    send_version(&broker, &topic, 1..=30, 1).await;
    all_committed(&broker, &topic).await;
    let fault = Fault::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[fault]);
    send_version(&broker, &topic, 1..=30, 2).await;
    until("it stands still", async || stands.load(Ordering::SeqCst)).await;
    send_version(&broker, &topic, 1..=30, 3).await;
    let second = Running::noting(member(), db.url());
    until("the second one has all partitions", async || {
        rows(&mut conn) == all_at(1..=30, 3) && is_committed(&broker, &topic)
    })
    .await;
    assert!(
        !goes_on.load(Ordering::SeqCst),
        "the first one was not missed"
    );
    until("the first one goes on", async || {
        goes_on.load(Ordering::SeqCst)
    })
    .await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        assert!(is_committed(&broker, &topic), "an offset went back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    send_version(&broker, &topic, 1..=30, 4).await;
    until("all are applied", async || {
        rows(&mut conn) == all_at(1..=30, 4)
    })
    .await;
    all_committed(&broker, &topic).await;
    first.stop().await;
    second.stop().await;
    assert_eq!(noted(&mut conn).len(), 120, "each once");
}
