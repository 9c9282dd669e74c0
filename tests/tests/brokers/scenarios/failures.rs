//! Processes, events and databases that fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use versioned_core::dead_letters::{self, Redriven};
use versioned_core::format::Ours;
use versioned_core::{Event, Outcome};
use versioned_tests::applied::apply_and_note_at;
use versioned_tests::proxy::Proxy;

use versioned_tests::heard::Heard;

use crate::broker::*;

/// The process ends between the COMMIT and the acknowledgement.
pub(crate) async fn a_commit_that_was_not_acknowledged_is_a_duplicate<B: Broker>() {
    let broker = B::shared().await;
    let (db, mut conn) = database();
    let publisher = broker.publisher(Ours).await;
    let all = events(10, 3);
    publish(&publisher, &all).await;
    let committed = AtomicUsize::new(0);
    {
        let consumer = broker.consumer().await;
        let handle = async |event: Event<Parking>| {
            let outcome = apply_and_note_at(&event, db.url()).await?;
            assert_eq!(outcome, Outcome::Applied);
            committed.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        };
        let running = consumer.run(handle, std::future::pending::<()>());
        let enough = until("some are committed", async || {
            committed.load(Ordering::SeqCst) >= 3
        });
        tokio::select! {
            ended = running => panic!("{ended:?}"),
            () = enough => {}
        }
    }
    let committed = committed.load(Ordering::SeqCst) as u64;
    let running = Noting::noting(broker.consumer().await, db.url());
    let expected: Vec<_> = (1..=10).map(|id| (id, 3)).collect();
    until("all are applied", async || rows(&mut conn) == expected).await;
    until("all is settled", async || broker.is_done().await).await;
    let figures = running.stop().await;
    // One more may have been committed than its closure was told.
    assert!(figures.duplicates >= committed, "{figures:?}");
    assert!(
        figures.applied <= all.len() as u64 - committed,
        "{figures:?}"
    );
    assert!(
        figures.applied + figures.parked + figures.duplicates >= all.len() as u64,
        "{figures:?}"
    );
    let mut each = all;
    each.sort_unstable();
    assert_eq!(noted(&mut conn), each);
}

/// Messages that are no events, an event of another entity, and one that a constraint rejects.
pub(crate) async fn what_cannot_be_applied_is_kept_and_blocks_nobody<B: Broker>() {
    let broker = B::shared().await;
    let (db, mut conn) = database();
    conn.batch_execute(
        "ALTER TABLE tickets ADD CONSTRAINT poison CHECK (id <> 1 OR note < 'note 3')",
    )
    .unwrap();
    let publisher = broker.publisher(Ours).await;
    let all = events(9, 9);
    let half = all.len() / 2;
    publish(&publisher, &all[..half]).await;
    broker.send("1", b"no event").await;
    broker.send("2", &[0xff, 0xfe, 0]).await;
    let other = serde_json::to_string(&event(3, 1)).unwrap();
    broker
        .send("3", other.replace("tickets", "venues").as_bytes())
        .await;
    publish(&publisher, &all[half..]).await;
    let fast = Duration::from_millis(20);
    let consumer = broker.consumer().await.redelivery(fast, fast).attempts(3);
    let running = Running::replica(consumer, db.url());
    let others: Vec<_> = std::iter::once((1, 2))
        .chain((2..=9).map(|id| (id, 9)))
        .collect();
    until("the others are applied", async || rows(&mut conn) == others).await;
    until("all is settled", async || broker.is_done().await).await;
    let letters = dead_letters::list::<Copy, _>(0, 100, &mut conn).unwrap();
    let mut versions: Vec<_> = letters
        .iter()
        .filter_map(|letter| letter.record.clone())
        .collect();
    versions.sort();
    let versions: Vec<i64> = versions
        .into_iter()
        .filter(|(key, _)| key == "1")
        .map(|(_, version)| version)
        .collect();
    assert_eq!(versions, (3..=9).collect::<Vec<_>>());
    let unreadable = letters.iter().filter(|letter| letter.record.is_none());
    let mut bodies: Vec<&[u8]> = unreadable.map(|letter| &*letter.body).collect();
    bodies.sort_unstable();
    assert_eq!(bodies[0], b"no event");
    assert_eq!(bodies[2], [0xff, 0xfe, 0]);
    assert_eq!(letters.len(), 10, "{letters:?}");
    let mut sources: Vec<_> = letters.iter().map(|letter| &letter.source).collect();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), 10, "{sources:?}");

    conn.batch_execute("ALTER TABLE tickets DROP CONSTRAINT poison")
        .unwrap();
    let redriven: Redriven = dead_letters::redrive::<Copy, _>(&mut conn).unwrap();
    assert_eq!((redriven.applied, redriven.failed), (7, 3), "{redriven:?}");
    let expected: Vec<_> = (1..=9).map(|id| (id, 9)).collect();
    assert_eq!(rows(&mut conn), expected);
    let figures = running.stop().await;
    assert_eq!(figures.terminated, 0, "{figures:?}");
}

/// One report when it goes, one when it is back, and few attempts between.
pub(crate) async fn while_the_database_is_away_nothing_is_lost<B: Broker>() {
    const EVENTS: i64 = 4_000;
    let broker = B::shared().await;
    let (db, mut conn) = database();
    let (proxy, url) = Proxy::of_url(db.url());
    let publisher = broker.publisher(Ours).await;
    let heard = Heard::default();
    let consumer = broker.consumer().await.attempts(3).on_problem(heard.hook());
    let counters = consumer.counters();
    let running = Running::replica(consumer, &url);
    let all: Vec<_> = (1..=EVENTS).map(|id| (id, 1)).collect();
    let (first, second) = all.split_at(all.len() / 2);
    publish(&publisher, first).await;
    until("some are applied", async || counters.snapshot().applied > 0).await;
    proxy.cut();
    publish(&publisher, second).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    proxy.mend();
    until("all are applied", async || rows(&mut conn) == all).await;
    until("all is settled", async || broker.is_done().await).await;
    let figures = running.stop().await;
    let seen = figures.applied + figures.duplicates;
    assert!(seen >= EVENTS.unsigned_abs(), "{figures:?}");
    assert_eq!(
        (figures.dead_letters, figures.terminated),
        (0, 0),
        "{figures:?}"
    );
    assert!(figures.failed < 60, "{figures:?}");
    let away = heard.count("the replica's database is unreachable");
    let back = heard.count("the replica's database is reachable again");
    assert_eq!((away, back), (1, 1), "{:?}", heard.all());
}
