//! A relay's events, to a stream.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use versioned_core::nats::{JetStreamPublisher, subject};
use versioned_core::outbox::{self, OutboxRow, PublishError, Publisher, Relay, Shutdown};
use versioned_core::prelude::OwnerDsl as _;

use super::*;

fn announce(ids: impl IntoIterator<Item = i64>, note: &str, conn: &mut PgConnection) {
    for id in ids {
        let mut ticket = Ticket {
            id,
            note: note.to_owned(),
            version: 0,
        };
        ticket.insert(conn).unwrap();
    }
}

fn row(key: &str, version: i64) -> OutboxRow {
    OutboxRow {
        id: version,
        entity: "tickets".to_owned(),
        key: key.to_owned(),
        version,
        op: "updated".to_owned(),
        payload: format!("{{\"key\":{key:?}}}"),
        attempts: 0,
    }
}

/// Messages on the stream, from its beginning: `(subject, Nats-Msg-Id, payload)`.
async fn messages(stream: &mut stream::Stream) -> Vec<(String, String, String)> {
    let number = stored(stream).await;
    let consumer = stream
        .create_consumer(jetstream::consumer::pull::Config::default())
        .await
        .unwrap();
    let mut all = Vec::new();
    let mut messages = consumer.messages().await.unwrap();
    for _ in 0..number {
        let message = messages.next().await.unwrap().unwrap();
        let headers = message.headers.clone().unwrap();
        all.push((
            message.subject.to_string(),
            headers.get("Nats-Msg-Id").unwrap().to_string(),
            String::from_utf8(message.payload.to_vec()).unwrap(),
        ));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_one_message_however_often_it_is_published() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    announce(1..=30, "concert", &mut conn);
    let payloads: Vec<String> = diesel::dsl::sql::<diesel::sql_types::Text>(
        "SELECT payload FROM versioned_outbox ORDER BY id",
    )
    .load(&mut conn)
    .unwrap();
    let context = jetstream(&broker).await;
    let mut stream = events(&context).await;

    // A relay that crashes before its COMMIT, twice.
    struct Crashing(JetStreamPublisher);
    impl Publisher for Crashing {
        async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
            let answers = self.0.publish(batch).await;
            assert_eq!(answers, vec![Ok(()); batch.len()]);
            vec![Err(PublishError::unavailable("crashed")); batch.len()]
        }
    }
    let publisher = JetStreamPublisher::new(context, "events");
    let mut conn = connect(&db).await;
    for _ in 0..2 {
        let relay = Relay::new(Crashing(publisher.clone()));
        assert_eq!(
            relay.run_once_async(&mut conn).await.unwrap().unavailable,
            30
        );
    }
    let relay = Relay::new(publisher);
    let pass = relay.run_once_async(&mut conn).await.unwrap();
    assert_eq!((pass.published, pass.duplicates), (30, 30));

    let messages = messages(&mut stream).await;
    let expected: Vec<_> = (1..=30)
        .zip(payloads)
        .map(|(id, payload)| {
            (
                format!("events.tickets.{id}"),
                format!("tickets/{id}/1"),
                payload,
            )
        })
        .collect();
    assert_eq!(messages, expected);
}

/// Keys may be anything; no two of them meet on a subject or under an id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_key_can_be_published() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let mut stream = events(&context).await;
    let keys = [
        "", "%", "a.b", "a b", "*", ">", "a\r\nb", "ä", "a%20b", " 7", "7 ", "7", "a/b", "\t",
    ];
    let rows: Vec<_> = keys.iter().map(|key| row(key, 1)).collect();
    let publisher = JetStreamPublisher::new(context, "events");
    assert_eq!(publisher.publish(&rows).await, vec![Ok(()); keys.len()]);
    let messages = messages(&mut stream).await;
    assert_eq!(messages.len(), keys.len());
    for (key, (on, _, payload)) in keys.iter().zip(messages) {
        assert_eq!(on, subject("events", "tickets", key));
        assert_eq!(payload, format!("{{\"key\":{key:?}}}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_too_large_is_put_aside_and_the_rest_flows() {
    let broker = Broker::start();
    let (db, mut blocking) = database();
    announce([1], "concert", &mut blocking);
    announce([2], &"x".repeat(2 * 1024 * 1024), &mut blocking);
    announce([3], "concert", &mut blocking);
    let context = jetstream(&broker).await;
    let mut stream = events(&context).await;
    // The stream has a limit of its own.
    let mut config = stream.info().await.unwrap().config.clone();
    config.max_message_size = 10_000;
    context.update_stream(config).await.unwrap();
    announce([4], &"x".repeat(20_000), &mut blocking);

    let heard = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&heard);
    let relay = Relay::new(JetStreamPublisher::new(context, "events"))
        .on_problem(move |problem| theirs.lock().unwrap().push(problem.to_string()));
    let pass = relay.run_once_async(&mut connect(&db).await).await.unwrap();
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (2, 2, 0));
    assert_eq!(stored(&mut stream).await, 2);
    let lag = outbox::Lag::load(&mut blocking).unwrap();
    assert_eq!((lag.pending, lag.rejected), (2, 2));
    let heard = heard.lock().unwrap();
    assert!(
        heard[0].starts_with("the broker rejected tickets/2/1: "),
        "{heard:?}"
    );
    assert!(
        heard[1].starts_with("the broker rejected tickets/4/1: "),
        "{heard:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_stream_or_without_room_the_events_wait() {
    let broker = Broker::start();
    let (db, mut blocking) = database();
    announce(1..=5, "concert", &mut blocking);
    let context = jetstream(&broker).await;
    let relay = Relay::new(JetStreamPublisher::new(context.clone(), "events"));
    let mut conn = connect(&db).await;
    let pass = relay.run_once_async(&mut conn).await.unwrap();
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (0, 0, 5));

    // A stream that is full, and takes nothing new: as with a full disk.
    let full = stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        max_messages: 2,
        discard: stream::DiscardPolicy::New,
        ..stream::Config::default()
    };
    context.create_stream(full.clone()).await.unwrap();
    let pass = relay.run_once_async(&mut conn).await.unwrap();
    assert_eq!((pass.published, pass.rejected, pass.unavailable), (2, 0, 3));
    let lag = outbox::Lag::load(&mut blocking).unwrap();
    assert_eq!((lag.pending, lag.rejected), (3, 0));
    let roomy = stream::Config {
        max_messages: -1,
        ..full
    };
    context.update_stream(roomy).await.unwrap();
    assert_eq!(relay.run_once_async(&mut conn).await.unwrap().published, 3);
    assert_eq!(stored(&mut events(&context).await).await, 5);
}

/// The server would close the connection at such a subject, and all other events would wait for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_subject_is_too_long_is_refused_alone() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let mut stream = events(&context).await;
    let publisher = JetStreamPublisher::new(context, "events");
    let longest = "x".repeat(4_000 - "events.tickets.".len());
    let rows = [
        row("1", 1),
        row(&"é".repeat(1_200), 1),
        row(&longest, 1),
        row(&format!("{longest}x"), 1),
        row("2", 1),
    ];
    let answers = publisher.publish(&rows).await;
    let reason = |bytes| {
        let reason = format!("use shorter keys, the subject has {bytes} bytes and may have 4000");
        Err(PublishError::Rejected(reason))
    };
    let expected = [Ok(()), reason(15 + 7_200), Ok(()), reason(4_001), Ok(())];
    assert_eq!(answers, expected);
    assert_eq!(stored(&mut stream).await, 3);
}

/// A snapshot that is announced again is a repair, and one that is published again is a duplicate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_is_not_dropped_as_a_duplicate() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let mut stream = events(&context).await;
    let publisher = JetStreamPublisher::new(context, "events");
    let snapshot = |id| OutboxRow {
        id,
        op: "snapshot".to_owned(),
        ..row("7", 3)
    };
    let mut duplicates = Vec::new();
    for row in [
        row("7", 3),
        row("7", 3),
        snapshot(8),
        snapshot(8),
        snapshot(9),
    ] {
        let (answers, known) = publisher.publish_counting(&[row]).await;
        assert_eq!(answers, [Ok(())]);
        duplicates.push(known);
    }
    assert_eq!(duplicates, [0, 1, 0, 1, 0]);
    let ids: Vec<_> = messages(&mut stream)
        .await
        .into_iter()
        .map(|(_, id, _)| id)
        .collect();
    assert_eq!(ids, ["tickets/7/3", "tickets/7/3#8", "tickets/7/3#9"]);
}

/// A timeout of 1 s, for 20 events together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_does_not_answer_costs_one_timeout() {
    let broker = Broker::start();
    let (db, mut blocking) = database();
    announce(1..=20, "concert", &mut blocking);
    let context = jetstream(&broker).await;
    let mut stream = events(&context).await;
    let relay = Relay::new(JetStreamPublisher::new(context, "events"));
    let mut conn = connect(&db).await;
    broker.down();
    let start = Instant::now();
    let pass = relay.run_once_async(&mut conn).await.unwrap();
    assert_eq!(
        (pass.published, pass.rejected, pass.unavailable),
        (0, 0, 20)
    );
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    broker.up();
    until("an empty outbox", async || {
        relay.run_once_async(&mut conn).await.unwrap().taken() == 0
    })
    .await;
    assert_eq!(stored(&mut stream).await, 20);
}

/// The broker is killed while events flow, and is away for a while: the outbox fills, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_fills_the_outbox_and_loses_nothing() {
    let broker = Broker::start();
    let (db, mut blocking) = database();
    let context = jetstream(&broker).await;
    let mut stream = events(&context).await;
    let relay = Relay::new(JetStreamPublisher::new(context.clone(), "events"))
        .batch(50)
        .poll(Duration::from_millis(20), Duration::from_millis(200));
    let shutdown = Shutdown::new();
    let (stop, url) = (shutdown.clone(), db.url().to_owned());
    let run = tokio::spawn(async move {
        relay
            .run_async(|| AsyncPgConnection::establish(&url), stop)
            .await
    });
    for part in 0..3 {
        announce(part * 200 + 1..=part * 200 + 100, "concert", &mut blocking);
        broker.down();
        announce(
            part * 200 + 101..=part * 200 + 200,
            "concert",
            &mut blocking,
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
        let waiting = outbox::Lag::load(&mut blocking).unwrap();
        assert!(waiting.pending >= 100, "{waiting:?}");
        assert_eq!(waiting.rejected, 0);
        broker.up();
        until("an empty outbox", async || {
            outbox::Lag::load(&mut blocking).unwrap().pending == 0
        })
        .await;
        // What was acknowledged just now must have been stored.
        broker.kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        broker.wait();
    }
    shutdown.stop();
    let totals = run.await.unwrap();
    assert_eq!(totals.published, 600);
    until("a connected client", async || stream.info().await.is_ok()).await;
    let mut on: Vec<_> = messages(&mut stream)
        .await
        .into_iter()
        .map(|(_, id, _)| id)
        .collect();
    on.sort_unstable();
    on.dedup();
    assert_eq!(on.len(), 600);
}

/// On blocking connections, in a thread that knows of the runtime.
#[test]
fn a_blocking_relay_can_publish_to_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let broker = Broker::start();
    let (_db, mut conn) = database();
    announce(1..=5, "concert", &mut conn);
    let context = runtime.block_on(jetstream(&broker));
    let mut stream = runtime.block_on(events(&context));
    let relay = Relay::new(JetStreamPublisher::new(context, "events"));
    let _runtime = runtime.enter();
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 5);
    assert_eq!(runtime.block_on(stored(&mut stream)), 5);
}
