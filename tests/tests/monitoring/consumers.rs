//! The metrics of a consumer, of JetStream on a real server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::{self, Context, stream};
use chrono::{SecondsFormat, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use versioned_core::consumer::{Consumed, Consumer};
use versioned_core::health::Cause;
use versioned_core::nats::JetStream;
use versioned_core::outbox::Shutdown;
use versioned_core::prelude::Versioned;
use versioned_core::wait::{Arrival, Waiters};
use versioned_core::{Event, MIGRATIONS, Op, positions};
use versioned_tests::nats::Broker;
use versioned_tests::postgres::Db;
use versioned_tests::running::Running;
use versioned_tests::waiting::until;

use super::exported::Exporter;

diesel::table! {
    ticket_copies {
        id -> BigInt,
        note -> Text,
        version -> BigInt,
    }
}

const DDL: &str = "CREATE TABLE ticket_copies (
    id BIGINT PRIMARY KEY, note TEXT NOT NULL CHECK (note <> 'bad'), version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = ticket_copies)]
#[versioned(dependent, entity = "tickets", gap = "park")]
struct TicketCopy {
    id: i64,
    note: String,
    version: i64,
}

fn event(op: Op, id: i64, version: i64, note: &str) -> Event<TicketCopy> {
    let note = note.to_owned();
    let data = (op != Op::Deleted).then_some(TicketCopy { id, note, version });
    Event::new(op, "tickets", id.to_string(), version, data)
}

/// Made so many seconds ago, by the owner's clock.
fn made(seconds: i64, event: Event<TicketCopy>) -> Event<TicketCopy> {
    let at = Utc::now() - TimeDelta::seconds(seconds);
    Event {
        at: at.to_rfc3339_opts(SecondsFormat::Millis, true),
        ..event
    }
}

struct World {
    broker: Broker,
    db: Db,
    context: Context,
    stream: stream::Stream,
    sent: u64,
}

impl World {
    async fn new() -> Self {
        let broker = Broker::start();
        let db = Db::fresh(DDL);
        db.connect().run_pending_migrations(MIGRATIONS).unwrap();
        let client = async_nats::connect(broker.url()).await.unwrap();
        let context = jetstream::new(client);
        let config = stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["events.>".to_owned()],
            ..stream::Config::default()
        };
        let stream = context.create_stream(config).await.unwrap();
        Self {
            broker,
            db,
            context,
            stream,
            sent: 0,
        }
    }

    async fn send(&mut self, body: impl AsRef<[u8]>) {
        let body = body.as_ref().to_vec().into();
        let ack = self.context.publish("events.tickets", body).await.unwrap();
        ack.await.unwrap();
        self.sent += 1;
    }

    async fn send_all(&mut self, events: impl IntoIterator<Item = Event<TicketCopy>>) {
        for event in events {
            self.send(serde_json::to_string(&event).unwrap()).await;
        }
    }

    /// Consumes all that was sent since the last time.
    async fn consume(&mut self) -> Consumed {
        let consumer = Consumer::<JetStream>::durable(&self.stream, "copies", "events.>")
            .await
            .unwrap()
            .attempts(1)
            .redrive_every(Duration::from_millis(100));
        let counters = consumer.counters();
        let running = Running::<TicketCopy>::replica(consumer, self.db.url());
        until("all messages are settled", async || {
            let Consumed {
                applied,
                duplicates,
                parked,
                dead_letters,
                ..
            } = counters.snapshot();
            applied + duplicates + parked + dead_letters >= self.sent
        })
        .await;
        self.sent = 0;
        running.stop().await
    }
}

/// On one thread, which has the recorder.
fn with_metrics<T>(exporter: &Exporter, work: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    exporter.during(|| runtime.block_on(work()))
}

fn by_last_label(values: BTreeMap<String, f64>, label: &str) -> BTreeMap<String, f64> {
    let all = values.into_iter().map(|(labels, value)| {
        let found = labels.split(',').find_map(|one| one.strip_prefix(label));
        let found = found.unwrap().trim_start_matches('=').trim_matches('"');
        assert!(labels.contains("source=\"tickets\""), "{labels}");
        (found.to_owned(), value)
    });
    all.collect()
}

const EVENTS: &str = "versioned_replica_events_total";
const ADDED: &str = "versioned_replica_dead_letters_added_total";
const ACTIONS: &str = "versioned_replica_dead_letter_actions_total";

#[test]
fn each_delivery_is_counted_once_by_what_became_of_it() {
    let exporter = Exporter::new();
    with_metrics(&exporter, async || {
        let mut world = World::new().await;
        let conn = &mut world.db.connect();
        positions::forget::<TicketCopy, _>(&6, conn).unwrap();
        // 3 h late, 5 min early, at once.
        world
            .send_all([made(3 * 3_600, event(Op::Created, 1, 1, ""))])
            .await;
        world
            .send_all([made(-300, event(Op::Updated, 1, 2, ""))])
            .await;
        world
            .send_all([made(0, event(Op::Updated, 1, 3, ""))])
            .await;
        // Again.
        world.send_all([event(Op::Updated, 1, 3, "")]).await;
        world.send_all([event(Op::Snapshot, 2, 9, "")]).await;
        // Its predecessor is missing.
        world
            .send_all([event(Op::Updated, 3, 2, ""), event(Op::Updated, 3, 3, "")])
            .await;
        world.send("no event").await;
        world.send_all([event(Op::Created, 5, 1, "bad")]).await;
        world.send_all([event(Op::Created, 6, 1, "")]).await;
        assert_eq!(world.sent, 10);
        world.consume().await;
        world.send_all([event(Op::Updated, 1, 2, "")]).await;
        world.consume().await;
    });
    let found = exporter.of_metric(EVENTS);
    assert!(
        found
            .keys()
            .all(|labels| labels.contains("model=\"ticket_copies\""))
    );
    let found = by_last_label(found, "outcome");
    let expected = [
        ("applied", 3.0),
        ("dead", 2.0),
        ("duplicate", 1.0),
        ("forgotten", 1.0),
        ("parked", 2.0),
        ("rejected", 0.0),
        ("skipped", 0.0),
        ("snapshot_applied", 1.0),
        ("stale", 1.0),
    ];
    let expected: BTreeMap<_, _> = expected
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    assert_eq!(found, expected);
    assert_eq!(found.values().sum::<f64>(), 10.0 + 1.0);

    let added = by_last_label(exporter.of_metric(ADDED), "reason");
    let reasons = [
        ("apply_failed", 0.0),
        ("constraint", 1.0),
        ("other", 0.0),
        ("undecodable", 1.0),
    ];
    let reasons: BTreeMap<_, _> = reasons.map(|(name, value)| (name.to_owned(), value)).into();
    assert_eq!(added, reasons);

    let ages = |rest: &str| exporter.value(&format!("versioned_replica_event_age_seconds_{rest}"));
    // Not of the snapshot.
    assert_eq!(ages("count{source=\"tickets\"}"), 3.0);
    assert_eq!(ages("bucket{le=\"3600\",source=\"tickets\"}"), 2.0);
    assert_eq!(ages("bucket{le=\"14400\",source=\"tickets\"}"), 3.0);
    let skew = exporter.of_metric("versioned_replica_clock_skew_events_total");
    assert_eq!(skew, [("source=\"tickets\"".to_owned(), 1.0)].into());
    let applies = exporter.of_metric("versioned_replica_apply_duration_seconds_count");
    let applies = by_last_label(applies, "outcome");
    assert!(
        applies["ok"] >= 1.0 && applies["error"] >= 1.0,
        "{applies:?}"
    );
    let last =
        exporter.value("versioned_replica_last_applied_timestamp_seconds{source=\"tickets\"}");
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((since - 60.0..=since).contains(&last), "{last}");
}

/// The consumer tries dead letters again when it starts, and now and then.
#[test]
fn dead_letters_that_are_tried_again_are_counted() {
    let exporter = Exporter::new();
    with_metrics(&exporter, async || {
        let mut world = World::new().await;
        world.send_all([event(Op::Created, 1, 1, "bad")]).await;
        let before = world.consume().await;
        assert_eq!(before.dead_letters, 1);
        let conn = &mut world.db.connect();
        conn.batch_execute("ALTER TABLE ticket_copies DROP CONSTRAINT ticket_copies_note_check")
            .unwrap();
        let consumer = Consumer::<JetStream>::durable(&world.stream, "copies", "events.>");
        let consumer = consumer.await.unwrap();
        let counters = consumer.counters();
        let running = Running::<TicketCopy>::replica(consumer, world.db.url());
        until("it is applied", async || counters.snapshot().redriven == 1).await;
        running.stop().await;
    });
    let actions = by_last_label(exporter.of_metric(ACTIONS), "action");
    assert_eq!(
        (
            actions["applied"],
            actions["superseded"],
            actions["waiting"]
        ),
        (1.0, 0.0, 0.0)
    );
    assert_eq!(actions.len(), 4);
}

/// No key, no error and no text of a message is a label, and a counter is there before it is needed.
#[test]
fn tasks_that_wait_are_counted_by_their_end() {
    let db = Db::fresh(DDL);
    db.connect().run_pending_migrations(MIGRATIONS).unwrap();
    let exporter = Exporter::new();
    with_metrics(&exporter, async || {
        let connect = async || AsyncPgConnection::establish(db.url()).await;
        let copies = Waiters::<TicketCopy>::new();
        let mut waiting = Box::pin(copies.wait_for(&1, 1, Duration::from_mins(1), connect));
        assert!((&mut waiting).now_or_never().is_none());
        let active = "versioned_replica_waits_active{source=\"tickets\"}";
        assert_eq!(exporter.value(active), 1.0);
        drop(waiting);
        assert_eq!(exporter.value(active), 0.0);
        let late = copies
            .wait_for(&1, 1, Duration::from_millis(50), connect)
            .await;
        assert_eq!(late.unwrap(), Arrival::TimedOut { current: None });
        let none = copies.at_most(0);
        let full = none.wait_for(&1, 1, Duration::from_mins(1), connect);
        assert_eq!(full.await.unwrap(), Arrival::Rejected);
    });
    let ended = by_last_label(
        exporter.of_metric("versioned_replica_waits_total"),
        "outcome",
    );
    let ended: BTreeMap<_, _> = ended
        .into_iter()
        .filter(|(_, waits)| *waits > 0.0)
        .collect();
    let expected = ["cancelled", "rejected", "timed_out"].map(|end| (end.to_owned(), 1.0));
    assert_eq!(ended, expected.into());
}

#[test]
fn whatever_arrives_the_series_are_the_same() {
    let all: BTreeSet<_> = (0..3)
        .map(|round| {
            let exporter = Exporter::new();
            with_metrics(&exporter, async || {
                let mut world = World::new().await;
                for number in 0..round * 5 {
                    let [one, other, ..] = *uuid::Uuid::new_v4().as_bytes();
                    let note = if one % 3 == 0 { "bad" } else { "good" };
                    match other % 3 {
                        0 => world.send(format!("{one} {number}")).await,
                        1 => {
                            world
                                .send_all([event(Op::Created, other.into(), 1, note)])
                                .await;
                        }
                        _ => {
                            world
                                .send_all([event(Op::Snapshot, number, one.into(), note)])
                                .await;
                        }
                    }
                }
                world.consume().await;
            });
            // What was never measured has no value.
            let is_fixed = |series: &String| {
                !["_seconds_", "_timestamp_"]
                    .iter()
                    .any(|part| series.contains(part))
            };
            exporter
                .series()
                .into_iter()
                .filter(is_fixed)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all.iter().next().unwrap().len(), 9 + 4 + 4 + 1);
}

/// A consumer goes on by itself: no restart is asked for.
#[test]
fn a_consumer_is_as_well_as_its_broker_and_its_database() {
    let exporter = Exporter::new();
    with_metrics(&exporter, async || {
        let mut world = World::new().await;
        let consumer = Consumer::<JetStream>::durable(&world.stream, "copies", "events.>");
        let consumer = consumer
            .await
            .unwrap()
            .shutdown_timeout(Duration::from_secs(1));
        let health = consumer.health();
        assert_eq!(
            health.report().to_string().split(" since").next(),
            Some("consumer: not started")
        );
        let (shutdown, is_gone) = (Shutdown::new(), Arc::new(AtomicBool::new(false)));
        let (stop, url, gone) = (
            shutdown.clone(),
            world.db.url().to_owned(),
            Arc::clone(&is_gone),
        );
        let running = tokio::spawn(async move {
            let connect = async || {
                if gone.load(Ordering::Relaxed) {
                    let away = "no route to host".to_owned();
                    return Err(ConnectionError::BadConnection(away));
                }
                AsyncPgConnection::establish(&url).await
            };
            consumer.replicate::<TicketCopy, _>(connect, stop).await
        });
        let causes = || {
            let report = health.report();
            assert!(report.alive, "{report}");
            let found = report.findings.iter().map(|finding| finding.cause);
            (report.ready, found.collect::<Vec<_>>())
        };
        world.send_all([event(Op::Created, 1, 1, "")]).await;
        until("it is ready", async || causes() == (true, vec![])).await;

        let conn = &mut world.db.connect();
        let applied = |conn: &mut _| {
            ticket_copies::table
                .count()
                .get_result::<i64>(conn)
                .unwrap()
        };
        until("it has applied it", async || applied(conn) == 1).await;
        is_gone.store(true, Ordering::Relaxed);
        let gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        diesel::sql_query(gone).execute(conn).unwrap();
        world
            .send_all((2..8).map(|id| event(Op::Created, id, 1, "")))
            .await;
        until("it is not ready", async || {
            causes() == (false, vec![Cause::Database])
        })
        .await;
        is_gone.store(false, Ordering::Relaxed);
        until("it is ready again", async || causes() == (true, vec![])).await;
        until("it has applied them", async || applied(conn) == 7).await;

        world.broker.down();
        until("the broker is missed", async || {
            causes() == (true, vec![Cause::Broker])
        })
        .await;
        shutdown.stop();
        running.await.unwrap().unwrap();
        assert_eq!(causes(), (false, vec![Cause::Stopped]));
    });
}
