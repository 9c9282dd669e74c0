//! What `replicate` cannot apply is kept in the replica's database, and applied later.

use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::HeaderMap;
use diesel::connection::SimpleConnection as _;
use versioned_core::dead_letters::{self, DeadLetter};
use versioned_core::nats::JetStreamConsumer;

use super::consumer::{Running, rows};
use super::lanes::{all_done, durable, outstanding, send_all};
use super::*;

/// A replica of a deployment that is wrong: no event has this field.
#[derive(Debug, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct Copy2 {
    id: i64,
    #[serde(rename = "remark")]
    note: String,
    version: i64,
}

/// The same replica as [`Copy`]: their positions are the table's.
fn letters(conn: &mut PgConnection) -> Vec<DeadLetter> {
    dead_letters::list::<Copy, _>(0, 10_000, conn).unwrap()
}

async fn eager(stream: &stream::Stream) -> JetStreamConsumer {
    let fast = Duration::from_millis(20);
    durable(stream).await.redelivery(fast, fast).attempts(3)
}

/// For two seconds under load, the deployment can read no event. The next one applies all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_bad_deployment_every_event_is_applied() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let load = {
        let (context, stop) = (context.clone(), std::sync::Arc::clone(&stop));
        tokio::spawn(async move {
            let mut version = 0;
            while !stop.load(Ordering::SeqCst) {
                version += 1;
                send_all(&context, (1..=10).map(|id| event(Op::Updated, id, version))).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            version
        })
    };
    let good = Running::replica(durable(&stream).await, db.url());
    until("some are applied", async || rows(&mut conn).len() == 10).await;
    good.stop().await;
    let bad = running::Running::<Copy2>::replica(durable(&stream).await, db.url());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let figures = bad.stop().await;
    assert_eq!((figures.applied, figures.terminated), (0, 0), "{figures:?}");
    assert!(figures.dead_letters > 0, "{figures:?}");
    let good = Running::replica(durable(&stream).await, db.url());
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    let last = load.await.unwrap();
    let all: Vec<_> = (1..=10).map(|id| (id, last)).collect();
    // What came before its predecessors were applied again is applied by the next pass.
    until("all are acknowledged", async || {
        outstanding(&stream).await.0 == 0
    })
    .await;
    let mut second = connect(&db).await;
    dead_letters::redrive_async::<Copy, _>(&mut second)
        .await
        .unwrap();
    until("all are applied", async || rows(&mut conn) == all).await;
    assert_eq!(letters(&mut conn), []);
    let figures = good.stop().await;
    assert_eq!((figures.failed, figures.terminated), (0, 0), "{figures:?}");
}

/// A poison event in the middle of a busy record: the others flow, its later versions are kept behind it, and all of them
/// are applied after the cause is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_fails_too_often_is_kept_with_those_behind_it() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    conn.batch_execute(
        "ALTER TABLE tickets ADD CONSTRAINT poison CHECK (id <> 1 OR note < 'note 3')",
    )
    .unwrap();
    let all = (1..=9).flat_map(|version| (1..=9).map(move |id| event(Op::Updated, id, version)));
    send_all(&context, all).await;
    let heard = Heard::default();
    let consumer = eager(&stream).await.on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    all_done(&stream).await;
    let others: Vec<_> = std::iter::once((1, 2))
        .chain((2..=9).map(|id| (id, 9)))
        .collect();
    assert_eq!(rows(&mut conn), others);
    let kept = letters(&mut conn);
    let mut versions: Vec<_> = kept.iter().map(|letter| letter.record.clone()).collect();
    versions.sort();
    let of_record = |version| Some(("1".to_owned(), version));
    assert_eq!(versions, (3..=9).map(of_record).collect::<Vec<_>>());
    for letter in &kept {
        let version = letter.record.as_ref().unwrap().1;
        let sent: serde_json::Value = serde_json::from_slice(&letter.body).unwrap();
        assert_eq!(sent["version"], version);
        assert!(letter.source.starts_with("EVENTS:"), "{letter}");
        match version {
            3 => {
                assert!(
                    letter.reason.as_deref().unwrap().contains("poison"),
                    "{letter}"
                );
                assert_eq!(letter.attempts, 3);
            }
            _ => assert_eq!((letter.reason.as_deref(), letter.attempts), (None, 0)),
        }
    }
    let gave_up = "tickets/1/3 became a dead letter after 3 attempts";
    let number = |heard: &[String]| {
        heard
            .iter()
            .filter(|text| text.starts_with(gave_up))
            .count()
    };
    assert_eq!(number(&heard.all()), 1);

    // The cause is still there.
    let redriven = dead_letters::redrive::<Copy, _>(&mut conn).unwrap();
    assert_eq!((redriven.applied, redriven.failed), (0, 1));
    assert_eq!(letters(&mut conn).len(), 7);
    let tried = letters(&mut conn)
        .iter()
        .map(|letter| letter.attempts)
        .sum::<u64>();
    assert_eq!(tried, 4);
    conn.batch_execute("ALTER TABLE tickets DROP CONSTRAINT poison")
        .unwrap();
    let redriven = dead_letters::redrive::<Copy, _>(&mut conn).unwrap();
    assert_eq!((redriven.applied, redriven.failed), (7, 0));
    assert_eq!((rows(&mut conn)[0], letters(&mut conn)), ((1, 9), vec![]));
    // The record goes on.
    send_all(&context, [event(Op::Updated, 1, 10)]).await;
    all_done(&stream).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.dead_letters, figures.parked),
        (75, 1, 6),
        "{figures:?}"
    );
    assert_eq!(rows(&mut conn)[0], (1, 10));
}

/// The consumer applies them by itself, now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_applied_by_themselves_once_their_cause_is_gone() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    conn.batch_execute("ALTER TABLE tickets ADD CONSTRAINT poison CHECK (id <> 1)")
        .unwrap();
    let all = (1..=3).flat_map(|version| (1..=2).map(move |id| event(Op::Updated, id, version)));
    send_all(&context, all).await;
    let consumer = eager(&stream)
        .await
        .redrive_every(Duration::from_millis(300));
    let running = Running::replica(consumer, db.url());
    until("all are kept", async || letters(&mut conn).len() == 3).await;
    until("it was tried again", async || {
        letters(&mut conn).iter().any(|letter| letter.attempts > 4)
    })
    .await;
    conn.batch_execute("ALTER TABLE tickets DROP CONSTRAINT poison")
        .unwrap();
    until("none is left", async || letters(&mut conn).is_empty()).await;
    assert_eq!(rows(&mut conn), [(1, 3), (2, 3)]);
    let figures = running.stop().await;
    assert_eq!((figures.applied, figures.redriven), (3, 3), "{figures:?}");
}

/// Whatever it is, with its headers, byte by byte, and once however often it is delivered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_event_is_kept_as_it_came() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let other = br#"{ "entity": "orders", "key": "7", "version": 4, "op": "deleted" }"#;
    let no_data = br#"{ "entity": "tickets", "key": "8", "version": 1, "op": "created" }"#;
    let bodies: [&[u8]; 5] = [b"", b"hex:12", &[0, 159, 146, 150, 0], other, no_data];
    for body in bodies {
        let mut headers = HeaderMap::new();
        headers.append("Cause", "a test");
        headers.append("Cause", "twice");
        let sent = context.publish_with_headers("events.tickets.7", headers, body.into());
        sent.await.unwrap().await.unwrap();
    }
    let heard = Heard::default();
    let consumer = eager(&stream).await.on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    all_done(&stream).await;
    running.stop().await;
    // The broker has forgotten the acknowledgements.
    stream.delete_consumer("orders").await.unwrap();
    let running = Running::replica(eager(&stream).await, db.url());
    all_done(&stream).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.dead_letters, figures.terminated),
        (5, 0),
        "{figures:?}"
    );
    let kept = letters(&mut conn);
    let kept_bodies: Vec<_> = kept.iter().map(|letter| letter.body.as_slice()).collect();
    assert_eq!(kept_bodies, bodies);
    for (place, letter) in (1..).zip(&kept) {
        assert!(
            letter.source.starts_with(&format!("EVENTS:{place}@")),
            "{letter}"
        );
        assert_eq!(letter.headers, "Cause: a test\nCause: twice");
        assert!(letter.reason.is_some() && letter.attempts >= 2, "{letter}");
    }
    let records: Vec<_> = kept.iter().map(|letter| letter.record.clone()).collect();
    assert_eq!(
        records[3..],
        [None, Some(("8".to_owned(), 1))],
        "the entity is another one"
    );
    assert_eq!(heard.all().len(), 5);
    let redriven = dead_letters::redrive::<Copy, _>(&mut conn).unwrap();
    assert_eq!((redriven.applied, redriven.failed), (0, 5));
    let mut second = connect(&db).await;
    let after = dead_letters::list_async::<Copy, _>(kept[1].id, 2, &mut second).await;
    let ids: Vec<_> = after.unwrap().iter().map(|letter| letter.id).collect();
    assert_eq!(ids, [kept[2].id, kept[3].id]);
    let gone = dead_letters::discard_async::<Copy, _>(kept[0].id, &mut second).await;
    assert!(gone.unwrap());
    for letter in &kept[1..] {
        assert!(dead_letters::discard::<Copy, _>(letter.id, &mut conn).unwrap());
        assert!(!dead_letters::discard::<Copy, _>(letter.id, &mut conn).unwrap());
    }
    assert_eq!(letters(&mut conn), []);
}

/// An operator hears once that there is no place for them, and of each message that is lost for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_table_messages_that_are_no_events_are_terminated() {
    let broker = Broker::start();
    let (db, mut conn) = database();
    conn.batch_execute("DROP TABLE versioned_dead_letters")
        .unwrap();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let sent = context.publish("events.tickets.7", "no event".into());
    sent.await.unwrap().await.unwrap();
    send_all(
        &context,
        [event(Op::Created, 1, 1), event(Op::Updated, 2, 2)],
    )
    .await;
    let heard = Heard::default();
    let consumer = eager(&stream).await.on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    until("one is left", async || outstanding(&stream).await.0 == 1).await;
    send_all(&context, [event(Op::Created, 2, 1)]).await;
    all_done(&stream).await;
    let figures = running.stop().await;
    assert_eq!((figures.applied, figures.terminated), (3, 1), "{figures:?}");
    let heard = heard.all();
    assert!(
        heard.iter().any(|text| text.contains("is not an event")),
        "{heard:?}"
    );
    let told = heard
        .iter()
        .filter(|text| text.starts_with("run the migrations"));
    assert_eq!(told.count(), 1, "{heard:?}");
}
