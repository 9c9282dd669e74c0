//! The broker fails.

use std::time::{Duration, Instant};

use versioned_core::format::Ours;
use versioned_core::outbox::PublishError;

use versioned_tests::heard::Heard;

use crate::broker::*;

/// It is killed in the middle of the load, three times.
pub(crate) async fn a_broker_that_is_killed_loses_nothing<B: Broker>() {
    const RECORDS: i64 = 40;
    let broker = B::own().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    let running = Noting::noting(broker.consumer().await, db.url());
    for version in 1..=12 {
        let events: Vec<_> = (1..=RECORDS).map(|id| (id, version)).collect();
        publish(&publisher, &events).await;
        if version % 4 == 2 {
            broker.kill();
        }
    }
    let expected: Vec<_> = (1..=RECORDS).map(|id| (id, 12)).collect();
    until("all are applied", async || rows(&mut conn) == expected).await;
    until("all is settled", async || broker.is_done().await).await;
    let figures = running.stop().await;
    let mut each = events(RECORDS, 12);
    each.sort_unstable();
    assert_eq!(noted(&mut conn), each);
    assert_eq!(
        (figures.dead_letters, figures.terminated),
        (0, 0),
        "{figures:?}"
    );
}

/// The publisher says so in time, the consumer too, and both go on when it is back.
pub(crate) async fn a_broker_that_is_down_is_waited_for<B: Broker>() {
    let broker = B::own().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    let heard = Heard::default();
    let consumer = broker.consumer().await.on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    publish(&publisher, &[(1, 1)]).await;
    until("it is applied", async || rows(&mut conn) == [(1, 1)]).await;
    broker.down();
    let start = Instant::now();
    let answer = try_publish(&publisher, (1, 2)).await;
    assert!(
        matches!(answer, Err(PublishError::Unavailable(_))),
        "{answer:?}"
    );
    assert!(
        start.elapsed() < Duration::from_mins(1),
        "{:?}",
        start.elapsed()
    );
    until("it is reported", async || !heard.all().is_empty()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    broker.up();
    publish(&publisher, &[(1, 2), (1, 3), (2, 1)]).await;
    until("they are applied", async || {
        rows(&mut conn) == [(1, 3), (2, 1)]
    })
    .await;
    until("all is settled", async || broker.is_done().await).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.dead_letters, figures.failed),
        (0, 0),
        "{figures:?}"
    );
}

/// Someone deletes the stream, topic or queue, and makes it again.
pub(crate) async fn what_is_deleted_at_the_broker_is_reported_and_comes_back<B: Broker>() {
    let broker = B::own().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    let heard = Heard::default();
    let consumer = broker.consumer().await.on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    publish(&publisher, &[(1, 1)]).await;
    until("it is applied", async || rows(&mut conn) == [(1, 1)]).await;
    until("all is settled", async || broker.is_done().await).await;
    broker.delete().await;
    until("it is reported", async || !heard.all().is_empty()).await;
    let answer = try_publish(&publisher, (1, 2)).await;
    assert!(answer.is_err(), "{answer:?}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    broker.make().await;
    publish(&publisher, &[(1, 2), (2, 1), (1, 3)]).await;
    until("they are applied", async || {
        rows(&mut conn) == [(1, 3), (2, 1)]
    })
    .await;
    until("all is settled", async || broker.is_done().await).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.dead_letters, figures.failed),
        (0, 0),
        "{figures:?}"
    );
}
