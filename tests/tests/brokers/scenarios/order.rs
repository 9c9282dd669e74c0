//! Events that come too early, or twice.

use std::time::Duration;

use versioned_core::format::Ours;
use versioned_core::{parked, positions};

use versioned_tests::heard::Heard;

use crate::broker::*;

const RECORDS: i64 = 20;
const VERSIONS: i64 = 10;

/// In two processes. The broker may drop what comes twice.
pub(crate) async fn shuffled_events_that_come_twice_are_each_applied_once<B: Broker>() {
    let broker = B::shared().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    let mut all = shuffled(events(RECORDS, VERSIONS));
    let reversed: Vec<_> = all.iter().rev().copied().collect();
    all.extend(reversed);
    publish(&publisher, &all).await;
    let one = Noting::noting(broker.consumer().await, db.url());
    let two = Noting::noting(broker.consumer().await, db.url());
    let expected: Vec<_> = (1..=RECORDS).map(|id| (id, VERSIONS)).collect();
    until("all are applied", async || rows(&mut conn) == expected).await;
    until("all is settled", async || broker.is_done().await).await;
    one.stop().await;
    two.stop().await;
    let mut each = events(RECORDS, VERSIONS);
    each.sort_unstable();
    assert_eq!(noted(&mut conn), each);
}

/// The room is full of events that wait, and their predecessors are still at the broker.
pub(crate) async fn early_events_do_not_fill_the_room<B: Broker>() {
    let broker = B::shared().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    for version in [2, 1] {
        let events: Vec<_> = (1..=40).map(|id| (id, version)).collect();
        publish(&publisher, &events).await;
    }
    let consumer = broker.consumer().await.in_hand(20);
    let running = Running::replica(consumer, db.url());
    let expected: Vec<_> = (1..=40).map(|id| (id, 2)).collect();
    until("all are applied", async || rows(&mut conn) == expected).await;
    until("all is settled", async || broker.is_done().await).await;
    let figures = running.stop().await;
    assert_eq!(figures.applied + figures.redriven, 80, "{figures:?}");
    assert_eq!(
        (figures.dead_letters, figures.failed),
        (0, 0),
        "{figures:?}"
    );
}

/// A version is missing for a while. The other records go on.
pub(crate) async fn a_record_that_waits_is_reported_and_goes_on<B: Broker>() {
    let broker = B::shared().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    publish(&publisher, &[(1, 1), (1, 3), (2, 1), (2, 2), (1, 4)]).await;
    let heard = Heard::default();
    let consumer = broker.consumer().await.on_problem(heard.hook());
    let consumer = consumer.patience(Duration::from_millis(300));
    let running = Running::replica(consumer, db.url());
    until("it is reported", async || {
        heard.count("tickets/1 is at version 1") == 1
    })
    .await;
    assert_eq!(rows(&mut conn), [(1, 1), (2, 2)]);
    publish(&publisher, &[(1, 2)]).await;
    until("it goes on", async || rows(&mut conn) == [(1, 4), (2, 2)]).await;
    until("all is settled", async || broker.is_done().await).await;
    let figures = running.stop().await;
    assert_eq!(figures.applied + figures.redriven, 6, "{figures:?}");
    assert_eq!(
        (figures.dead_letters, figures.failed),
        (0, 0),
        "{figures:?}"
    );
}

/// A version never comes. It is parked, so that nothing in the consumer waits.
pub(crate) async fn a_parked_record_that_waits_is_reported_until_it_is_forgotten<B: Broker>() {
    let broker = B::shared().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    publish(
        &publisher,
        &[(1, 1), (1, 3), (2, 1), (3, 2), (2, 2), (1, 4)],
    )
    .await;
    let heard = Heard::default();
    let consumer = broker.consumer().await.on_problem(heard.hook());
    let consumer = consumer.patience(Duration::from_millis(300));
    let running = Noting::replica(consumer, db.url());
    let reports = || {
        (
            heard.count("tickets/1 is at version 1, and version 3 has waited for "),
            heard.count("tickets/3 is at version 0, and version 2 has waited for "),
        )
    };
    until("both are reported", async || reports() == (1, 1)).await;
    assert_eq!(rows(&mut conn), [(1, 1), (2, 2)]);
    until("all is settled", async || broker.is_done().await).await;
    positions::forget::<Parking, _>(&1, &mut conn).unwrap();
    publish(&publisher, &[(3, 1)]).await;
    let over = || {
        (
            heard.count("tickets/1 goes on"),
            heard.count("tickets/3 goes on"),
        )
    };
    until("that is reported too", async || over() == (1, 1)).await;
    // Nothing more is heard of it.
    publish(&publisher, &[(1, 2), (1, 5), (2, 3)]).await;
    let expected = [(2, 3), (3, 2)];
    until("the others go on", async || rows(&mut conn) == expected).await;
    until("all is settled", async || broker.is_done().await).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!((reports(), over()), ((1, 1), (1, 1)));
    assert_eq!(parked::list::<Parking, _>(None, 10, &mut conn).unwrap(), []);
    let figures = running.stop().await;
    assert_eq!((figures.parked, figures.duplicates), (3, 2), "{figures:?}");
}
