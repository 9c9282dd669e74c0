//! The stream is purged while a consumer runs: the gap is reported, and a snapshot closes it.

use diesel::connection::SimpleConnection as _;

use super::consumer::{Running, rows};
use super::lanes::{all_done, durable, outstanding, send_all};
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_was_purged_is_reported_and_a_snapshot_closes_the_gap() {
    for run in [Running::replica, Running::noting] {
        let broker = Broker::start();
        let (db, mut conn) = database();
        let context = jetstream(&broker).await;
        let stream = events(&context).await;
        let heard = Heard::default();
        let consumer = durable(&stream)
            .await
            .concurrency(1)
            .in_hand(2)
            .patience(Duration::from_secs(1))
            .on_problem(heard.hook());
        // Nothing is applied, so that only two messages are delivered.
        let mut lock = db.connect();
        lock.batch_execute("BEGIN; LOCK TABLE tickets").unwrap();
        let running = run(consumer, db.url());
        send_all(&context, (7..=8).map(|id| event(Op::Created, id, 1))).await;
        until("two are in hand", async || pending(&stream).await == (2, 0)).await;
        send_all(&context, [event(Op::Updated, 7, 2)]).await;
        until("one is at the broker", async || {
            pending(&stream).await == (2, 1)
        })
        .await;
        stream.purge().await.unwrap();
        send_all(&context, [event(Op::Updated, 7, 3)]).await;
        lock.batch_execute("COMMIT").unwrap();
        until("the report", async || !heard.all().is_empty()).await;
        assert_eq!(rows(&mut conn), [(7, 1), (8, 1)]);
        send_all(&context, [event(Op::Snapshot, 7, 3)]).await;
        all_done(&stream).await;
        assert_eq!(outstanding(&stream).await.0, 0);
        assert_eq!(rows(&mut conn), [(7, 3), (8, 1)]);
        let figures = running.stop().await;
        assert_eq!(
            (figures.applied, figures.duplicates, figures.failed),
            (3, 1, 0),
            "{figures:?}"
        );
        let heard = heard.all();
        assert_eq!(heard.len(), 2, "{heard:?}");
        let waits = "tickets/7 is at version 1, and version 3 has waited for";
        assert!(heard[0].starts_with(waits), "{heard:?}");
        assert!(heard[1].starts_with("tickets/7 goes on"), "{heard:?}");
    }
}

/// How many messages were delivered and not acknowledged, and how many were not delivered.
async fn pending(stream: &stream::Stream) -> (usize, u64) {
    let consumer: jetstream::consumer::PullConsumer = stream.get_consumer("orders").await.unwrap();
    let info = consumer.cached_info();
    (info.num_ack_pending, undelivered(stream, info).await)
}
