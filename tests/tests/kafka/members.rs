//! Several members of a group, and partitions that move between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection as _;
use versioned_core::Outcome;

use super::*;

/// The sum of the committed offsets, which never goes back.
fn committed(broker: &Shared, topic: &str, partitions: i32) -> Vec<i64> {
    let all = 0..partitions;
    all.map(|partition| broker.committed(topic, topic, partition).unwrap_or(0))
        .collect()
}

/// Members come and go in the middle of batches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_in_the_middle_of_a_batch_loses_nothing() {
    members_come_and_go("cooperative-sticky").await;
}

/// All partitions go at each rebalance, and some come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_that_takes_all_partitions_loses_nothing() {
    members_come_and_go("range,roundrobin").await;
}

async fn members_come_and_go(strategy: &str) {
    const PARTITIONS: i32 = 4;
    let broker = Broker::shared();
    let consumer = |broker: &Shared, topic: &str| {
        let settings = quick(broker).set("partition.assignment.strategy", strategy);
        KafkaConsumer::subscribe(&settings, topic, [topic]).unwrap()
    };
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, PARTITIONS).await;
    let (theirs, on) = (broker.clone(), topic.clone());
    let load = tokio::spawn(async move {
        for version in 1..=40 {
            let all = (1..=50).map(|id| event(Op::Updated, id, version));
            send_all(&theirs, &on, all).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let first = Running::noting(consumer(&broker, &topic), db.url());
    let mut before = committed(&broker, &topic, PARTITIONS);
    for round in 0..4 {
        let second = Running::noting(consumer(&broker, &topic), db.url());
        until("two members", async || broker.members(&topic) == 2).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        if round % 2 == 0 {
            second.stop().await;
        } else {
            second.abandon().await;
        }
        let after = committed(&broker, &topic, PARTITIONS);
        let went_back = before
            .iter()
            .zip(&after)
            .any(|(before, after)| after < before);
        assert!(!went_back, "{before:?} {after:?}");
        before = after;
    }
    load.await.unwrap();
    until("all are applied", async || {
        rows(&mut conn) == all_at(1..=50, 40)
    })
    .await;
    all_committed(&broker, &topic).await;
    let figures = first.stop().await;
    let noted = noted(&mut conn);
    let mut once = noted.clone();
    once.dedup();
    assert_eq!(noted.len(), once.len(), "nothing twice");
    assert_eq!(
        (figures.failed, figures.dead_letters),
        (0, 0),
        "{figures:?}"
    );
}

/// The rebalance waits a limited time for the events in flight. Those that complete later move no offset of the member
/// that owns the partition by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_hangs_does_not_hold_the_partition_and_moves_no_offset_later() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    send_all(
        &broker,
        &topic,
        (1..=20).map(|id| event(Op::Created, id, 1)),
    )
    .await;
    let mut lock = db.connect();
    lock.batch_execute("BEGIN; LOCK TABLE tickets IN EXCLUSIVE MODE")
        .unwrap();
    let first = Running::replica(consumer(&broker, &topic), db.url());
    until("a member", async || broker.members(&topic) == 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Its own database is not locked.
    let (other_db, mut other) = database();
    let start = Instant::now();
    let second = Running::replica(consumer(&broker, &topic), other_db.url());
    until("it has a partition", async || !rows(&mut other).is_empty()).await;
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    let moved = |all: &[i64]| all.iter().filter(|offset| **offset > 0).count();
    until("it commits", async || {
        moved(&committed(&broker, &topic, 2)) == 1
    })
    .await;
    let before = committed(&broker, &topic, 2);
    lock.batch_execute("ROLLBACK").unwrap();
    until("the first goes on", async || rows(&mut conn).len() == 20).await;
    all_committed(&broker, &topic).await;
    let after = committed(&broker, &topic, 2);
    assert!(
        before
            .iter()
            .zip(&after)
            .all(|(before, after)| before <= after)
    );
    first.stop().await;
    second.stop().await;
}

/// Lanes wait for the database, and the client is polled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_longer_than_the_poll_interval_costs_no_partition() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (proxy, url) = Proxy::of_url(db.url());
    let (_, topic) = tickets_topic(&broker, 2).await;
    let settings = quick(&broker)
        .set("session.timeout.ms", "2000")
        .set("max.poll.interval.ms", "3000");
    let heard = Heard::default();
    let consumer = KafkaConsumer::subscribe(&settings, &topic, [&topic]).unwrap();
    let consumer = consumer.in_hand(50).on_problem(heard.hook());
    let running = Running::replica(consumer, &url);
    send_version(&broker, &topic, 1..=20, 1).await;
    until("some are applied", async || rows(&mut conn).len() == 20).await;
    let member = broker.member_ids(&topic);
    proxy.cut();
    send_version(&broker, &topic, 21..=2_000, 1).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(broker.member_ids(&topic), member);
    proxy.mend();
    until("all are applied", async || rows(&mut conn).len() == 2_000).await;
    all_committed(&broker, &topic).await;
    assert_eq!(broker.member_ids(&topic), member);
    running.stop().await;
    let heard = heard.all();
    assert!(
        !heard.iter().any(|problem| problem.contains("poll")),
        "{heard:?}"
    );
}

/// A partition that was paused and comes back from another member is not paused any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_was_paused_flows_after_it_came_back() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (proxy, url) = Proxy::of_url(db.url());
    let (_, topic) = tickets_topic(&broker, 2).await;
    let first = Running::replica(consumer(&broker, &topic).in_hand(10), &url);
    send_version(&broker, &topic, 1..=20, 1).await;
    until("some are applied", async || rows(&mut conn).len() == 20).await;
    proxy.cut();
    send_version(&broker, &topic, 21..=200, 1).await;
    // Longer than it takes to pause.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let second = Running::replica(consumer(&broker, &topic), db.url());
    until("two members", async || broker.members(&topic) == 2).await;
    until("the second one works", async || rows(&mut conn).len() > 60).await;
    second.stop().await;
    proxy.mend();
    until("all are applied", async || rows(&mut conn).len() == 200).await;
    send_version(&broker, &topic, 201..=300, 1).await;
    until("all are applied", async || rows(&mut conn).len() == 300).await;
    all_committed(&broker, &topic).await;
    first.stop().await;
}

/// A process that is killed is missed after the session timeout, and one that is stopped at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_restarts_leave_no_member_behind() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 3).await;
    for round in 1..=15 {
        send_version(&broker, &topic, 1..=30, round).await;
        let running = Running::replica(consumer(&broker, &topic), db.url());
        let start = Instant::now();
        until("all are applied", async || {
            rows(&mut conn) == all_at(1..=30, round)
        })
        .await;
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{:?}",
            start.elapsed()
        );
        running.stop().await;
    }
    assert_eq!(broker.members(&topic), 0);
}

/// The broker lets the newer one in, and the older one ends with the reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_one_instance_id_are_told() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    let static_member = || {
        let settings = quick(&broker).set("group.instance.id", "orders-1");
        KafkaConsumer::subscribe(&settings, &topic, [&topic]).unwrap()
    };
    let first = Running::replica(static_member(), db.url());
    send_all(&broker, &topic, [event(Op::Updated, 1, 1)]).await;
    until("it is applied", async || rows(&mut conn) == [(1, 1)]).await;
    let second = Running::replica(static_member(), db.url());
    let Err(ConsumerError::Broker(reason)) = first.ended().await else {
        panic!("it goes on");
    };
    assert!(
        reason.starts_with("give each process its own `group.instance.id`"),
        "{reason}"
    );
    send_all(&broker, &topic, [event(Op::Updated, 1, 2)]).await;
    until("it is applied", async || rows(&mut conn) == [(1, 2)]).await;
    second.stop().await;
}

/// A static member that is restarted within the session timeout gets its partitions back without a
/// rebalance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_member_comes_back() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    for version in 1..=3 {
        let settings = quick(&broker).set("group.instance.id", "orders-1");
        let consumer = KafkaConsumer::subscribe(&settings, &topic, [&topic]).unwrap();
        send_version(&broker, &topic, 1..=10, version).await;
        let running = Running::replica(consumer, db.url());
        until("all are applied", async || {
            rows(&mut conn) == all_at(1..=10, version)
        })
        .await;
        running.stop().await;
        assert!(is_committed(&broker, &topic));
        assert_eq!(broker.members(&topic), 1, "it has not left");
    }
}

/// What is in hand at the end of a process holds up neither its client nor the next member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_with_messages_in_hand_leaves_the_group_and_commits_none_of_them() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    send_version(&broker, &topic, 1..=200, 1).await;
    let seen = Arc::new(AtomicBool::new(false));
    let consumer_that_hangs =
        consumer(&broker, &topic).shutdown_timeout(Duration::from_millis(500));
    let shutdown = Shutdown::new();
    let running = {
        let (stop, seen) = (shutdown.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let handle = async |_: Event<Copy>| {
                seen.store(true, Ordering::SeqCst);
                std::future::pending::<versioned_core::Result<Outcome>>().await
            };
            consumer_that_hangs.run(handle, stop).await
        })
    };
    until("some are in hand", async || seen.load(Ordering::SeqCst)).await;
    let start = Instant::now();
    shutdown.stop();
    running.await.unwrap().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(broker.members(&topic), 0, "it has left its group");
    assert_eq!(committed(&broker, &topic, 2), [0, 0]);
    let running = Running::noting(consumer(&broker, &topic), db.url());
    until("all are applied", async || rows(&mut conn).len() == 200).await;
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.duplicates),
        (200, 0),
        "{figures:?}"
    );
}
