//! Through JetStream into a replica, with what cannot be applied among it. `nats.rs` runs these.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use serde::de::DeserializeOwned;
use versioned_core::consumer::Consumed;
use versioned_core::dead_letters::{self, DeadLetter, Redriven};
use versioned_core::format::{Binding, Deletions, Ours, PlainJson};
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::{Error, Result};
use versioned_tests::nats::Broker;

use super::AsyncConn;
use super::backend::prelude::Dependent;
use super::backend::{Backend, Conn, Db, NAME};
use super::scenarios::own_forms::of_two_deployments;
use super::scenarios::{cloud_events, database, debezium, mongoose, parked};
use crate::broker::{all_done, durable, events, jetstream, publish, until};
use crate::messages::{Captured, Sent, shuffled};
use crate::own_forms::{BROKEN, Broken, Renamed, Split};

/// A consumer on a task of its own.
struct Running {
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<Consumed>,
}

impl Running {
    fn start<M>(consumer: JetStreamConsumer, db: &Db) -> Self
    where
        M: Dependent<Backend> + DeserializeOwned,
    {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), db.url().to_owned());
        let task = tokio::spawn(async move {
            let connect = || connect(url.clone());
            consumer.replicate::<M, _>(connect, stop).await.unwrap()
        });
        Self { shutdown, task }
    }

    async fn stop(self) -> Consumed {
        self.shutdown.stop();
        self.task.await.unwrap()
    }
}

async fn connect(url: String) -> Result<AsyncConn> {
    let mut conn = AsyncConn::establish(&url).await.map_err(Error::other)?;
    if NAME == "sqlite" {
        conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF")
            .await?;
    }
    Ok(conn)
}

/// What the totals say of messages and events. Attempts are not counted.
fn totals(figures: &Consumed) -> [u64; 6] {
    assert_eq!((figures.failed, figures.terminated), (0, 0), "{figures:?}");
    [
        figures.applied,
        figures.duplicates,
        figures.skipped,
        figures.dead_letters,
        figures.parked,
        figures.redriven,
    ]
}

fn letters<M: Dependent<Backend>>(conn: &mut Conn) -> Vec<DeadLetter> {
    dead_letters::list::<M, _>(0, 1000, conn).unwrap()
}

/// The record of each letter, and its reason, sorted.
fn reasons<M: Dependent<Backend>>(conn: &mut Conn) -> Vec<(Option<(String, i64)>, String)> {
    let letters = letters::<M>(conn).into_iter();
    let mut reasons: Vec<_> = letters
        .map(|letter| (letter.record, letter.reason.unwrap_or_default()))
        .collect();
    reasons.sort();
    reasons
}

/// Applied, duplicates, and the records that failed or wait.
fn counts(redriven: Redriven) -> [u64; 4] {
    assert_eq!(redriven.parked, 0);
    [
        redriven.applied,
        redriven.duplicates,
        redriven.failed,
        redriven.waiting,
    ]
}

/// A deletion without a version of its own is kept, and the others are applied.
pub(crate) async fn refused_deletions_are_applied_with_a_mended_form() {
    use debezium::sequential::Ticket;
    use debezium::{form, no_version, ticket, ticket_rows};

    let broker = Broker::start();
    let (db, mut conn) = database(&debezium::tables());
    let conn = &mut conn;
    let context = jetstream(&broker).await;
    let stream = events(&context, &["shop.public.*"]).await;
    let sent = crate::messages::debezium(Captured::Plain);
    publish(&context, &sent).await;
    let form = form(Captured::Plain);
    let consumer = durable(&stream, "tickets").await.format(form.clone());
    let running = Running::start::<Ticket>(consumer, &db);
    all_done(&stream, "tickets").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [9, 0, 11, 2, 0, 0], "{figures:?}");
    let without_deletions = [1, 2, 3, 4, 40].map(ticket);
    assert_eq!(ticket_rows(conn), without_deletions);

    let deletions: Vec<&Sent> = sent
        .iter()
        .filter(|sent| sent.subject == "shop.public.tickets")
        .filter(|sent| {
            let body = sent.body.as_deref().unwrap_or_default();
            String::from_utf8_lossy(body).contains("\"op\":\"d\"")
        })
        .collect();
    let kept = letters::<Ticket>(conn);
    assert_eq!((kept.len(), deletions.len()), (2, 2));
    for ((letter, sent), id) in kept.iter().zip(deletions).zip([3, 4]) {
        let reason = no_version(&format!("tickets {id}"));
        assert_eq!(letter.reason.as_deref(), Some(&*reason));
        assert_eq!(letter.subject, "shop.public.tickets");
        assert_eq!(Some(&letter.body), sent.body.as_ref());
        assert_eq!(letter.message_key, None);
        let mut headers: Vec<&str> = letter.headers.lines().collect();
        headers.sort_unstable();
        let mut expected: Vec<String> = sent
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", std::str::from_utf8(value).unwrap()))
            .collect();
        expected.sort_unstable();
        assert_eq!(headers, expected);
    }

    // The cause is still there, and is then mended.
    let again = dead_letters::redrive_as::<Ticket, _>(&form, Binding::Nats, conn).unwrap();
    assert_eq!(counts(again), [0, 0, 2, 0]);
    assert_eq!(ticket_rows(conn), without_deletions);
    // Each is what it was, but for the attempts.
    let once_more = letters::<Ticket>(conn).into_iter();
    let reasons = once_more.map(|letter| (letter.id, letter.reason, letter.attempts));
    let before = kept.iter();
    let before = before.map(|letter| (letter.id, letter.reason.clone(), letter.attempts + 1));
    assert_eq!(reasons.collect::<Vec<_>>(), before.collect::<Vec<_>>());
    let form = form.deletions(Deletions::Final);
    let again = dead_letters::redrive_as::<Ticket, _>(&form, Binding::Nats, conn).unwrap();
    assert_eq!(counts(again), [2, 0, 0, 0]);
    assert_eq!(ticket_rows(conn), [1, 2, 40].map(ticket));
    assert_eq!(letters::<Ticket>(conn), []);
}

/// A version that was not in the log holds back its record only. A snapshot supersedes it, and the
/// consumer itself applies the deletion once its form is mended.
pub(crate) async fn a_value_that_was_not_in_the_log_waits_for_a_snapshot() {
    use debezium::sequential::Note;
    use debezium::{NOT_IN_THE_LOG, form, no_version, note_rows};

    let broker = Broker::start();
    let (db, mut conn) = database(&debezium::tables());
    let conn = &mut conn;
    let context = jetstream(&broker).await;
    let stream = events(&context, &["shop.public.*"]).await;
    let sent = crate::messages::debezium(Captured::Plain);
    publish(&context, &sent).await;
    let consumer = async || {
        let consumer = durable(&stream, "notes")
            .await
            .format(form(Captured::Plain));
        consumer.redrive_every(Duration::from_millis(50))
    };
    let running = Running::start::<Note>(consumer().await, &db);
    all_done(&stream, "notes").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [1, 0, 18, 2, 1, 0], "{figures:?}");
    let row = |body: String, version| ("n1".to_owned(), Some(body), version);
    assert_eq!(note_rows(conn), [row("long body ".repeat(260), 1)]);
    let of_record = |version| Some(("n1".to_owned(), version));
    let deletion = (None, no_version("notes n1"));
    let expected = [
        deletion.clone(),
        (of_record(2), NOT_IN_THE_LOG.to_owned()),
        (of_record(3), String::new()),
    ];
    assert_eq!(reasons::<Note>(conn), expected);

    // The connector is told to read the table again.
    let third = sent
        .iter()
        .rfind(|sent| sent.subject.ends_with("notes") && contains(sent, "\"op\":\"u\""))
        .unwrap();
    let mut snapshot = third.clone();
    let body = String::from_utf8(snapshot.body.unwrap()).unwrap();
    snapshot.body = Some(body.replace("\"op\":\"u\"", "\"op\":\"r\"").into_bytes());
    publish(&context, [&snapshot]).await;
    let running = Running::start::<Note>(consumer().await, &db);
    until("the snapshot supersedes them", async || {
        letters::<Note>(conn).len() == 1
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [1, 0, 0, 0, 0, 0], "{figures:?}");
    assert_eq!(note_rows(conn), [row("short".to_owned(), 3)]);
    assert_eq!(reasons::<Note>(conn), [deletion]);

    let form = form(Captured::Plain).deletions(Deletions::Final);
    let running = Running::start::<Note>(consumer().await.format(form), &db);
    until("the deletion is applied", async || {
        letters::<Note>(conn).is_empty()
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [0, 0, 0, 0, 0, 1], "{figures:?}");
    assert_eq!(note_rows(conn), []);
}

fn contains(sent: &Sent, text: &str) -> bool {
    let body = sent.body.as_deref().unwrap_or_default();
    String::from_utf8_lossy(body).contains(text)
}

/// With `REPLICA IDENTITY FULL`, nothing is refused.
pub(crate) async fn deletions_with_a_version_are_applied() {
    use debezium::sequential::FullTicket;

    let broker = Broker::start();
    let (db, mut conn) = database(&debezium::tables());
    let context = jetstream(&broker).await;
    let stream = events(&context, &["shop.public.*"]).await;
    let sent = crate::messages::debezium(Captured::Schemas);
    publish(&context, &sent).await;
    let form = debezium::form(Captured::Schemas).replica_identity_full();
    let consumer = durable(&stream, "full_tickets").await.format(form);
    let running = Running::start::<FullTicket>(consumer, &db);
    all_done(&stream, "full_tickets").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [3, 0, 19, 0, 0, 0], "{figures:?}");
    assert_eq!(debezium::full_ticket_rows(&mut conn), []);
    assert_eq!(letters::<FullTicket>(&mut conn), []);
}

/// A body on a subject of the service.
fn plain(subject: &str, body: &str) -> Sent {
    Sent::new(Binding::Nats, subject, body)
}

/// What no form of the service reads is kept, and the forms of older services read it later.
pub(crate) async fn messages_of_older_services_are_applied_with_their_forms() {
    use mongoose::{Sequential, form, held, rows};

    let broker = Broker::start();
    let (db, mut conn) = database(mongoose::TABLE);
    let conn = &mut conn;
    let context = jetstream(&broker).await;
    let stream = events(&context, &["ticket.*"]).await;
    let mut sent = crate::messages::mongoose();
    let last = held()[3].clone();
    let nest = serde_json::json!({
        "pattern": "ticket.updated",
        "data": { "id": last.id, "title": "nest", "price": 1, "userId": "u", "version": last.version + 1 },
    });
    let others = [
        plain(
            "ticket.created",
            r#"{"id":"a","title":"old","price":5,"userId":"u"}"#,
        ),
        plain(
            "ticket.created",
            r#"{"id":"b","title":"old","price":5,"userId":"u","__v":0}"#,
        ),
        plain("ticket.updated", &nest.to_string()),
        plain("ticket.created", "no JSON"),
        plain("ticket.locked", r#"{"id":"c"}"#),
    ];
    for (place, other) in others.into_iter().enumerate() {
        sent.insert(10 * (place + 1), other);
    }
    publish(&context, &sent).await;
    let consumer = durable(&stream, "tickets").await.format(form());
    let running = Running::start::<Sequential>(consumer, &db);
    all_done(&stream, "tickets").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [66, 26, 1, 4, 0, 0], "{figures:?}");
    assert_eq!(rows(conn), held());
    let expected = [
        "this looks like Nest's packet: `record_at(\"/data\")`",
        "ticket.created has no field `version`",
        "ticket.created has no field `version`",
        "ticket.created is not JSON: expected ident at line 1 column 2",
    ];
    let expected = expected.map(|reason| (None, reason.to_owned()));
    assert_eq!(reasons::<Sequential>(conn), expected);

    // Each form reads its own.
    let redrive = |form: &PlainJson, conn: &mut Conn| {
        counts(dead_letters::redrive_as::<Sequential, _>(form, Binding::Nats, conn).unwrap())
    };
    assert_eq!(redrive(&form().version("__v"), conn), [1, 0, 3, 0]);
    assert_eq!(redrive(&form().nest(), conn), [1, 0, 2, 0]);
    let mut expected = held();
    expected[3] = Sequential {
        title: "nest".to_owned(),
        price: 1.0,
        user_id: "u".to_owned(),
        version: last.version + 1,
        ..last
    };
    expected.push(Sequential {
        id: "b".to_owned(),
        title: "old".to_owned(),
        price: 5.0,
        user_id: "u".to_owned(),
        order_id: None,
        version: 0,
    });
    assert_eq!(rows(conn), expected);
    assert_eq!(letters::<Sequential>(conn).len(), 2);
}

/// An early event is parked as an event, with all fields of the message.
pub(crate) async fn parked_events_are_applied_after_their_predecessor() {
    use mongoose::{Park, Sequential, form, held, rows};

    let broker = Broker::start();
    let (db, mut conn) = database(mongoose::TABLE);
    let conn = &mut conn;
    let context = jetstream(&broker).await;
    let stream = events(&context, &["ticket.*"]).await;
    let body = |price: i64, version: i64| {
        format!(
            r#"{{"id":"0","title":"né","price":"{price}","userId":"u","version":{version},"new":[1]}}"#
        )
    };
    publish(&context, [&plain("ticket.updated", &body(20, 1))]).await;
    let consumer = async || durable(&stream, "tickets").await.format(form());
    let running = Running::start::<Park>(consumer().await, &db);
    all_done(&stream, "tickets").await;
    assert_eq!((rows(conn), parked(conn)), (vec![], 1));
    let event: String = diesel::dsl::sql::<Text>("SELECT event FROM versioned_parked")
        .get_result(conn)
        .unwrap();
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    let data = serde_json::from_str::<serde_json::Value>(&body(20, 1)).unwrap();
    let expected = serde_json::json!({
        "entity": "tickets", "key": "0", "version": 1, "op": "updated", "at": "", "data": data,
    });
    assert_eq!(event, expected);
    publish(&context, [&plain("ticket.created", &body(10, 0))]).await;
    all_done(&stream, "tickets").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [1, 0, 0, 0, 1, 0], "{figures:?}");
    let first = Sequential {
        id: "0".to_owned(),
        title: "né".to_owned(),
        price: 20.0,
        user_id: "u".to_owned(),
        order_id: None,
        version: 1,
    };
    assert_eq!((rows(conn), parked(conn)), (vec![first.clone()], 0));

    let sent = crate::messages::mongoose();
    publish(&context, shuffled(sent.iter().collect(), 21)).await;
    let running = Running::start::<Park>(consumer().await, &db);
    all_done(&stream, "tickets").await;
    let figures = running.stop().await;
    let [applied, duplicates, skipped, kept, parked_events, redriven] = totals(&figures);
    assert_eq!(applied + duplicates + parked_events, 92, "{figures:?}");
    assert_eq!((skipped, kept, redriven, figures.gaps), (0, 0, 0, 0));
    let all: Vec<_> = std::iter::once(first).chain(held()).collect();
    assert_eq!((rows(conn), parked(conn)), (all, 0));
    assert_eq!(letters::<Park>(conn), []);
}

/// A form that panics, and others that are wrong, block no other message.
pub(crate) async fn messages_of_a_broken_form_are_applied_with_a_mended_one() {
    use cloud_events::{Sequential, row, rows};

    let broker = Broker::start();
    let (db, mut conn) = database(cloud_events::TABLE);
    let conn = &mut conn;
    let context = jetstream(&broker).await;
    let stream = events(&context, &["broken.*", "events.tickets.*"]).await;
    let wrong = BROKEN.map(|(subject, _)| plain(subject, "{}"));
    publish(&context, &wrong).await;
    publish(&context, [&plain("broken.other", "{}")]).await;
    let consumer = durable(&stream, "tickets").await.format(Broken);
    let running = Running::start::<Sequential>(consumer, &db);
    all_done(&stream, "tickets").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [0, 0, 1, 10, 0, 0], "{figures:?}");
    assert_eq!(rows(conn), []);
    let kept = letters::<Sequential>(conn).into_iter();
    let mut kept: Vec<_> = kept
        .map(|letter| (letter.subject, letter.reason.unwrap()))
        .collect();
    kept.sort();
    let text = |(subject, reason): (&str, &str)| (subject.to_owned(), reason.to_owned());
    let mut expected = BROKEN.map(text);
    expected.sort();
    assert_eq!(kept, expected);

    // The event of an old deployment is read by no form at first.
    let sent = of_two_deployments();
    publish(&context, &sent).await;
    let consumer = durable(&stream, "tickets").await.format(Ours);
    let running = Running::start::<Sequential>(consumer, &db);
    all_done(&stream, "tickets").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures)[..4], [0, 0, 0, 2], "{figures:?}");
    let of_old = |letter: &DeadLetter| letter.subject.starts_with("events.");
    let mut kept = letters::<Sequential>(conn);
    kept.retain(of_old);
    assert_eq!((kept.len(), rows(conn)), (3, vec![]));

    let form = Split(Renamed(Ours));
    let running = Running::start::<Sequential>(durable(&stream, "tickets").await.format(form), &db);
    until("the old events are applied", async || {
        !letters::<Sequential>(conn).iter().any(of_old)
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [0, 0, 0, 0, 0, 3], "{figures:?}");
    assert_eq!(rows(conn), [row(5, "five", 22.5, 3)]);
    assert_eq!(letters::<Sequential>(conn).len(), 10);
}

/// Debezium sends columns of JSON as text. An event that was parked has the same JSON.
#[cfg(feature = "mysql")]
pub(crate) async fn json_in_text_is_parked_as_json() {
    use super::scenarios::ours::documents::{Park, TABLE, rows};
    use serde_json::json;
    use versioned_core::format::Debezium;

    let broker = Broker::start();
    let (db, mut conn) = database(TABLE);
    let conn = &mut conn;
    let context = jetstream(&broker).await;
    let stream = events(&context, &["shop.*"]).await;
    let change = |op: &str, version: i64, content: &str| {
        let body = json!({
            "before": null,
            "after": { "id": 7, "content": content, "version": version },
            "source": { "connector": "postgresql", "table": "record" },
            "op": op,
        });
        plain("shop.record", &body.to_string())
    };
    publish(&context, [&change("u", 2, r#"{ "a": ["[1]"] }"#)]).await;
    let consumer = durable(&stream, "records").await.format(Debezium::new());
    let running = Running::start::<Park>(consumer, &db);
    all_done(&stream, "records").await;
    assert_eq!((rows(conn), parked(conn)), (vec![], 1));
    publish(&context, [&change("c", 1, "[1]")]).await;
    all_done(&stream, "records").await;
    let figures = running.stop().await;
    assert_eq!(totals(&figures), [1, 0, 0, 0, 1, 0], "{figures:?}");
    let held = (7, json!({ "a": ["[1]"] }), 2);
    assert_eq!((rows(conn), parked(conn)), (vec![held], 0));
}
