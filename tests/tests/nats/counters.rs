//! The totals of a consumer while it runs.

use versioned_core::consumer::Consumed;

use super::consumer::{Running, rows};
use super::lanes::{all_done, durable, send_all};
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_totals_can_be_read_while_it_runs_and_are_those_at_its_end() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let ack = context.publish("events.tickets.1", "no event".into());
    ack.await.unwrap().await.unwrap();
    for version in [1, 2, 2] {
        send_all(&context, (1..=10).map(|id| event(Op::Updated, id, version))).await;
    }
    let consumer = durable(&stream).await;
    let counters = consumer.counters();
    assert_eq!(counters.snapshot(), Consumed::default());
    let running = Running::replica(consumer, db.url());
    all_done(&stream).await;
    let totals = counters.snapshot();
    let Consumed {
        applied,
        duplicates,
        dead_letters,
        gaps,
        parked,
        failed,
        redriven,
        terminated,
        ..
    } = totals;
    assert_eq!((applied, duplicates, dead_letters), (20, 10, 1));
    assert_eq!(
        (gaps, parked, failed, redriven, terminated),
        (0, 0, 0, 0, 0)
    );
    assert_eq!(rows(&mut conn).len(), 10);
    send_all(&context, [event(Op::Created, 11, 1)]).await;
    all_done(&stream).await;
    assert_eq!(counters.snapshot().applied, 21);
    assert_eq!(running.stop().await, counters.clone().snapshot());
}
