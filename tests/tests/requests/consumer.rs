//! A consumer that runs executes requests by itself.

use std::time::Duration;

use async_nats::jetstream::{self, consumer::pull};
use versioned_core::dead_letters;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::requests::{self, Request, RequestState};
use versioned_tests::nats::Broker;
use versioned_tests::running::Running;
use versioned_tests::waiting::until;

use super::postgres::scenarios::{Broken, Copy, Letter, all, attempts, keep, replica, versions};
use diesel::PgConnection;

const SOON: Duration = Duration::from_millis(20);
/// No pass over the letters but the first one.
const NEVER: Duration = Duration::from_hours(1);

async fn consumer(broker: &Broker) -> JetStreamConsumer {
    let client = async_nats::connect(broker.url()).await.unwrap();
    let stream = jetstream::new(client)
        .get_or_create_stream(jetstream::stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["events.>".to_owned()],
            ..Default::default()
        })
        .await
        .unwrap();
    let config = pull::Config {
        durable_name: Some("orders".to_owned()),
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    stream
        .get_or_create_consumer("orders", config)
        .await
        .unwrap();
    let consumer = JetStreamConsumer::durable(&stream, "orders", "events.tickets.*");
    let consumer = consumer.await.unwrap();
    consumer.redrive_every(NEVER).requests(SOON)
}

/// Waits until the request is over.
async fn over(request: &Request, conn: &mut PgConnection) -> Request {
    until("the request ends", async || {
        let found = requests::find(request.id, conn).unwrap().unwrap();
        found.state != RequestState::Open
    })
    .await;
    requests::find(request.id, conn).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_executes_requests_and_the_next_one_goes_on() {
    let broker = Broker::start();
    let (db, mut conn) = replica();
    let conn = &mut conn;

    // The deployment is wrong. The first request ends after the first pass over the letters.
    let running = Running::<Broken>::replica(consumer(&broker).await, db.url());
    keep([Letter::of(1, 1)], conn);
    let first = all().store(conn).unwrap();
    assert_eq!(over(&first, conn).await.counts.failed, 1);
    let before = attempts(conn);
    let letters = (2..=21).flat_map(|id| (1..=10).map(move |version| Letter::of(id, version)));
    keep(letters, conn);
    let stopped = all().limit(300).store(conn).unwrap();
    let stopped = over(&stopped, conn).await;
    assert_eq!(stopped.state, RequestState::Stopped, "{stopped}");
    assert_eq!((stopped.chosen, stopped.counts.total()), (201, 1));
    assert_eq!(attempts(conn), before + 1);
    running.stop().await;
    for letter in dead_letters::list::<Copy, _>(0, 1_000, conn).unwrap() {
        dead_letters::discard::<Copy, _>(letter.id, conn).unwrap();
    }

    // It is mended, and killed in the middle of a request.
    let running = Running::<Copy>::replica(consumer(&broker).await, db.url());
    keep([Letter::of(1, 1)], conn);
    let first = all().store(conn).unwrap();
    over(&first, conn).await;
    let letters = (2..=21).flat_map(|id| (1..=10).map(move |version| Letter::of(id, version)));
    keep(letters, conn);
    let request = all().limit(300).rate(100).store(conn).unwrap();
    assert_eq!(request.chosen, 200);
    until("it has begun", async || versions(conn).len() > 1).await;
    running.abandon().await;
    let begun = requests::find(request.id, conn).unwrap().unwrap();
    assert!(begun.counts.applied > 0, "{begun}");
    assert_eq!(begun.state, RequestState::Open, "{begun}");

    // The first pass of the next one applies letters too.
    let running = Running::<Copy>::replica(consumer(&broker).await, db.url());
    let done = over(&request, conn).await;
    assert_eq!(done.state, RequestState::Done, "{done}");
    let counts = done.counts;
    assert_eq!(counts.applied + counts.superseded, 200, "{done}");
    let expected = std::iter::once((1, 1)).chain((2..=21).map(|id| (id, 10)));
    assert_eq!(versions(conn), expected.collect::<Vec<_>>());
    running.stop().await;
}
